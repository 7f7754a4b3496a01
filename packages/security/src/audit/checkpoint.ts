import { securityError } from "../errors.ts";
import { type NoteSigner, openNote, signNote } from "./note.ts";

/** What a log commits to: how many entries it has, and the root over them. */
export interface Checkpoint {
  /** Which log this is. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** A checkpoint as C2SP tlog-checkpoint has it: origin, size and root, one a line, in a signed note. */
export function signCheckpoint({ origin, size, root }: Checkpoint, signer: NoteSigner): Promise<string> {
  return signNote(`${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`, signer);
}

/** Reads a signed checkpoint. @throws NOTE_INVALID when it is malformed, not signed by this key, or of another log */
export function openCheckpoint(
  note: string,
  key: { readonly publicKey: string; readonly origin?: string },
): Checkpoint {
  const refuse = (reason: string): Error => securityError("NOTE_INVALID", { what: "checkpoint", reason });
  const [origin = "", size = "", encoded = "", end] = openNote(note, key.publicKey).split("\n");
  const root = Buffer.from(encoded, "base64");
  if (end === undefined || origin === "") throw refuse("it does not have an origin, a size and a root");
  if (!/^(0|[1-9]\d{0,15})$/.test(size)) throw refuse(`its size is ${JSON.stringify(size)}`);
  if (root.byteLength !== 32 || root.toString("base64") !== encoded) throw refuse("its root is not 32 bytes of base64");
  if (key.origin !== undefined && key.origin !== origin) throw refuse(`it is of the log ${origin}, not ${key.origin}`);
  return { origin, size: Number(size), root: new Uint8Array(root) };
}
