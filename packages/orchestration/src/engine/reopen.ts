import type { Clock, SqlDatabase } from "@ashlar/core";
import { orchestrationError } from "../errors.ts";
import { claim, type Lease } from "./lease.ts";
import { appendEvent } from "./step-commit.ts";
import type { WorkerIdentity } from "./worker-identity.ts";

/**
 * Takes an ended run up again: its steps that have not succeeded wait as on the first day. Of several that ask at once
 * one gets it.
 *
 * @throws RUN_NOT_RETRYABLE
 */
export function reopen(database: SqlDatabase, run: string, worker: WorkerIdentity, clock: Clock): Promise<Lease> {
  return database.transaction(async (tx) => {
    const reopened = await tx.run(
      "UPDATE run SET state = 'running', error_step = NULL, error_message = NULL, error_code = NULL, cancel_requested = 0, finished_at = NULL WHERE id = ? AND state IN ('failed', 'cancelled')",
      [run],
    );
    if (reopened === 0) {
      const [row] = await tx.query<{ state: string }>("SELECT state FROM run WHERE id = ?", [run]);
      throw orchestrationError("RUN_NOT_RETRYABLE", { run, state: row?.state ?? "gone" });
    }
    await tx.run(
      "UPDATE step SET state = 'waiting', failures = 0, interruptions = 0, run_at = NULL, finished_at = NULL, error = NULL, error_code = NULL WHERE run = ? AND state <> 'succeeded'",
      [run],
    );
    const lease = await claim(tx, run, worker, clock);
    await appendEvent(tx, { run, step: undefined, type: "run-retried", at: clock.now(), detail: undefined });
    return lease;
  });
}
