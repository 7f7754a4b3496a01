import { createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto";
import { securityError } from "../errors.ts";

/** Signs checkpoints. Its private key may live elsewhere: in a KMS, an HSM, another process. */
export interface NoteSigner {
  /** The key's name, by convention a URL without scheme: `audit.example.com/platform`. */
  readonly name: string;
  /** The published verifier key: `<name>+<key id>+<base64>`, as C2SP signed-note has it. */
  readonly publicKey: string;
  /** The 64-byte Ed25519 signature of the message. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

const ed25519 = 1;
/** The 12 bytes of DER before the 32 of an Ed25519 public key (RFC 8410). */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

/** A signer on an Ed25519 private key. @throws SIGNING_KEY_INVALID for any other key, or a name C2SP does not allow */
export function ed25519Signer(options: { readonly name: string; readonly privateKey: KeyObject }): NoteSigner {
  const { name, privateKey } = options;
  const refuse = (rule: string): Error => securityError("SIGNING_KEY_INVALID", { key: JSON.stringify(name), rule });
  if (privateKey.type !== "private" || privateKey.asymmetricKeyType !== "ed25519") {
    throw refuse(
      `it is a ${privateKey.asymmetricKeyType ?? "secret"} ${privateKey.type} key, not an Ed25519 private key`,
    );
  }
  if (!isName(name)) throw refuse("its name is empty, or has a space or a plus sign");
  const raw = createPublicKey(privateKey).export({ type: "spki", format: "der" }).subarray(-32);
  const key = Buffer.concat([Uint8Array.of(ed25519), raw]);
  return {
    name,
    publicKey: `${name}+${keyId(name, key).toString("hex")}+${key.toString("base64")}`,
    sign: (message) => sign(null, message, privateKey),
  };
}

/** The signed note of a text, which ends in a newline. C2SP signed-note. */
export async function signNote(text: string, signer: NoteSigner): Promise<string> {
  const { name, id } = parseVerifierKey(signer.publicKey);
  const signature = await signer.sign(Buffer.from(text));
  return `${text}\n— ${name} ${Buffer.concat([id, signature]).toString("base64")}\n`;
}

/**
 * The text of a signed note, if one of its signatures is of this key. Signatures of other keys (witnesses) are passed
 * over. @throws NOTE_INVALID
 */
export function openNote(note: string, publicKey: string): string {
  const { name, id, key } = parseVerifierKey(publicKey);
  const refuse = (reason: string): Error => securityError("NOTE_INVALID", { what: "signed note", reason });
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n")) throw refuse("it has no signatures");
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split("\n");
  let signed = false;
  for (const line of lines) {
    const [, signer, encoded = ""] = /^— ([^\s+]+) ([A-Za-z0-9+/]+=*)$/.exec(line) ?? [];
    const bytes = Buffer.from(encoded, "base64");
    if (signer === undefined || bytes.byteLength < 5 || bytes.toString("base64") !== encoded) {
      throw refuse(`the line ${JSON.stringify(line)} is not a signature`);
    }
    if (signer !== name || !bytes.subarray(0, 4).equals(id)) continue;
    // "Must reject": a signature of a known key that does not verify spoils the note.
    if (!verify(null, Buffer.from(text), key, bytes.subarray(4))) throw refuse(`the signature of ${name} is wrong`);
    signed = true;
  }
  if (!signed) throw refuse(`it is not signed by ${name} with the key ${id.toString("hex")}`);
  return text;
}

/** Takes a published verifier key apart. @throws NOTE_INVALID */
export function parseVerifierKey(publicKey: string): { name: string; id: Buffer; key: KeyObject } {
  const refuse = (reason: string): Error => securityError("NOTE_INVALID", { what: "verifier key", reason });
  const [, name = "", hexId = "", encoded = ""] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(publicKey) ?? [];
  const bytes = Buffer.from(encoded, "base64");
  if (!isName(name)) throw refuse("it does not have the form name+id+key");
  if (bytes.byteLength !== 33 || bytes[0] !== ed25519) throw refuse("it is not an Ed25519 key");
  const id = keyId(name, bytes);
  if (id.toString("hex") !== hexId) throw refuse("its id does not belong to its name and key");
  const der = Buffer.concat([spkiPrefix, bytes.subarray(1)]);
  return { name, id, key: createPublicKey({ key: der, type: "spki", format: "der" }) };
}

function keyId(name: string, key: Uint8Array): Buffer {
  return hash("sha256", Buffer.concat([Buffer.from(`${name}\n`), key]), "buffer").subarray(0, 4);
}

function isName(name: string): boolean {
  return name !== "" && name.isWellFormed() && !/[\s+]/u.test(name);
}
