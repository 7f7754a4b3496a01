import { type KeyObject, verify as verifyWithKey } from "node:crypto";
import { type Bundle, parseBundle, signedMessage } from "./bundle.ts";
import { verificationKey, type VerificationKey } from "./key.ts";
import { type Refuse, refusing } from "./refuse.ts";
import { parseStatement, show, type SignedFile } from "./statement.ts";

/** What a signature must be about. */
export interface SignatureSubject {
  /** All files of the model; one more or less is refused. */
  readonly files: readonly SignedFile[];
  /** The name it must be signed under. @default any */
  readonly name?: string;
  /** Names it in errors. @default the name */
  readonly label?: string;
}

/**
 * Verifies the signature of a model: made by a trusted key, over a statement of exactly these files.
 *
 * The form is that of OpenSSF model-signing 1.0: a Sigstore bundle v0.3 with a DSSE envelope and an in-toto statement,
 * signed by a plain elliptic-curve key.
 *
 * @param bundle the bytes of `model.sig`
 * @returns the hint of the key that signed
 * @throws SIGNATURE_INVALID, SIGNING_KEY_INVALID
 */
export function verifyModelSignature(
  bundle: Uint8Array,
  subject: SignatureSubject,
  trustedKeys: readonly (KeyObject | string)[],
): { readonly keyHint: string } {
  return verifySignature(
    bundle,
    subject,
    trustedKeys.map((key) => verificationKey(key)),
  );
}

/** @see verifyModelSignature */
export function verifySignature(
  bytes: Uint8Array,
  subject: SignatureSubject,
  trusted: readonly VerificationKey[],
): { readonly keyHint: string } {
  const refuse = refusing(subject.label ?? subject.name ?? "the model");
  const bundle = parseBundle(bytes, refuse);
  const signer = signerOf(bundle, trusted, refuse);
  // Nothing of the payload is read before it is known who wrote it.
  const { name, files } = parseStatement(bundle.payload, refuse);
  if (subject.name !== undefined && name !== subject.name) throw refuse(`it was signed as ${show(name)}`);
  assertSameFiles(subject.files, files, refuse);
  return { keyHint: signer.hint };
}

function signerOf(bundle: Bundle, trusted: readonly VerificationKey[], refuse: Refuse): VerificationKey {
  const { keyHint } = bundle;
  const named = keyHint === undefined ? trusted : trusted.filter(({ hint }) => hint === keyHint);
  if (named.length === 0) throw refuse(`it is signed by the key ${show(keyHint)}, which is not trusted`);
  const message = signedMessage(bundle.payload);
  const signer = named.find(({ key, hash }) => verifyWithKey(hash, message, key, bundle.signature));
  if (signer === undefined) throw refuse("the signature is not that of a trusted key over this payload");
  return signer;
}

function assertSameFiles(actual: readonly SignedFile[], signed: readonly SignedFile[], refuse: Refuse): void {
  const digests = new Map(signed.map(({ name, digest }) => [name, digest]));
  for (const { name, digest } of actual) {
    const expected = digests.get(name);
    if (expected === undefined) throw refuse(`the file ${show(name)} is not signed`);
    if (expected !== digest) throw refuse(`the file ${show(name)} is signed with other bytes`);
    digests.delete(name);
  }
  const [missing] = digests.keys();
  if (missing !== undefined) throw refuse(`the file ${show(missing)} is signed and not there`);
}
