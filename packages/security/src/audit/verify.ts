import { isAshlarError } from "@ashlar/core";
import { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
import { type AuditLogPlace, agrees, journalOf } from "./log.ts";
import { leafHash, type MerkleTree, merkleTree } from "./merkle.ts";

export type VerifyAuditLogOptions = AuditLogPlace & {
  /** The signer's published verifier key. */
  readonly publicKey: string;
  /** @default the origin of the log's first checkpoint */
  readonly origin?: string;
  /** A signed checkpoint kept elsewhere: a witness's copy. Without it, a log cut together with the checkpoint beside it passes. */
  readonly trustedCheckpoint?: string;
};

export interface AuditVerification {
  /** True when there are no problems. */
  readonly ok: boolean;
  /** Entries that were verified, from the first. */
  readonly size: number;
  /** The root over them. */
  readonly root: Uint8Array;
  /** Signed checkpoints that hold. */
  readonly checkpoints: number;
  /** True when a checkpoint from elsewhere was given and the log agrees with it: no tail was cut before it. */
  readonly anchored: boolean;
  /** What is wrong, a sentence each. */
  readonly problems: readonly string[];
}

/**
 * Verifies a log from its bytes alone, without its writer: every checkpoint's signature, size and root, the checkpoint
 * beside it, and the trusted one. It changes nothing, and may run on a copy.
 *
 * @throws NOTE_INVALID when `publicKey` is not a verifier key
 */
export async function verifyAuditLog(options: VerifyAuditLogOptions): Promise<AuditVerification> {
  const { publicKey, trustedCheckpoint } = options;
  const journal = journalOf(options);
  const tree = merkleTree();
  const problems: string[] = [];
  let origin = options.origin;
  let checkpoints = 0;
  let verified = 0;

  const check = (what: string, note: string): Checkpoint | undefined => {
    try {
      const checkpoint = openCheckpoint(note, { publicKey, ...(origin === undefined ? {} : { origin }) });
      origin ??= checkpoint.origin;
      if (agrees(checkpoint, tree)) return checkpoint;
      problems.push(`${what}: ${disagreement(checkpoint, tree)}`);
    } catch (error) {
      if (!isAshlarError(error, "NOTE_INVALID") || error.details["what"] === "verifier key") throw error;
      problems.push(`${what}: ${error.message}`);
    }
    return undefined;
  };

  // Before the log itself, which may grow meanwhile: what a checkpoint is over was in the log when it was written.
  const beside = await journal.readCheckpoint();
  const scan = journal.scan();
  let step = await scan.next();
  for (; !step.done && problems.length === 0; step = await scan.next()) {
    for (const entry of step.value.entries) tree.append(leafHash(entry));
    const what = `the checkpoint after entry ${tree.size - 1}`;
    const checkpoint = check(what, step.value.note);
    if (checkpoint !== undefined && checkpoint.size !== tree.size) {
      problems.push(`${what}: it is over ${checkpoint.size} entries, and stands after ${tree.size}`);
    }
    if (problems.length > 0) break;
    checkpoints++;
    verified = tree.size;
  }
  if (step.done && step.value.bytes > 0) {
    problems.push(`${step.value.bytes} bytes after entry ${verified - 1} are altered, or a write that was torn`);
  }
  if (checkpoints === 0) problems.push("the log does not begin with a signed checkpoint");

  tree.cut(verified);
  if (beside === undefined) problems.push("the checkpoint beside the log is missing");
  else check("the checkpoint beside the log", beside);
  const anchor = trustedCheckpoint === undefined ? undefined : check("the trusted checkpoint", trustedCheckpoint);
  const ok = problems.length === 0;
  return { ok, size: verified, root: tree.root(), checkpoints, anchored: ok && anchor !== undefined, problems };
}

function disagreement({ size }: Checkpoint, tree: MerkleTree): string {
  if (size > tree.size) return `it is over ${size} entries, but ${tree.size} whole ones are there: the end was cut`;
  return `the first ${size} entries are not those it is over: one was altered, moved, taken out or put in`;
}
