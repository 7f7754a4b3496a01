import type { Clock, SqlDatabase, SqlExecutor, SqlValue } from "@ashlar/core";
import type { RunError, RunEvent, RunState, StepState } from "../history/port.ts";
import { assertHeld, type Lease } from "./lease.ts";

/** The columns of a step that a transition sets. */
export type StepChange = Partial<
  Record<
    | "attempts"
    | "failures"
    | "interruptions"
    | "run_at"
    | "started_at"
    | "finished_at"
    | "output"
    | "error"
    | "error_code",
    SqlValue
  >
> & { readonly state: StepState };

/** The durable writes of one run: each is one transaction, checks the lease, and leaves an event. */
export interface RunJournal {
  step(name: string, change: StepChange, event: RunEvent["type"], detail?: string): Promise<void>;
  finish(state: Exclude<RunState, "running">, outcome: RunOutcome): Promise<void>;
}

export interface RunOutcome {
  readonly output?: Uint8Array;
  readonly error?: RunError;
}

export function runJournal(database: SqlDatabase, lease: Lease, clock: Clock): RunJournal {
  return {
    step: (name, change, type, detail) =>
      database.transaction(async (tx) => {
        await assertHeld(tx, lease);
        const columns = Object.keys(change);
        const assignments = columns.map((column) => `${column} = ?`).join(", ");
        const values = Object.values(change) as SqlValue[];
        await tx.run(`UPDATE step SET ${assignments} WHERE run = ? AND name = ?`, [...values, lease.run, name]);
        await appendEvent(tx, { run: lease.run, step: name, type, at: clock.now(), detail });
      }),

    finish: (state, { output, error }) =>
      database.transaction(async (tx) => {
        await assertHeld(tx, lease);
        await tx.run(
          "UPDATE run SET state = ?, output = ?, error_step = ?, error_message = ?, error_code = ?, owner = NULL, finished_at = ? WHERE id = ?",
          [
            state,
            output ?? null,
            error?.step ?? null,
            error?.message ?? null,
            error?.code ?? null,
            clock.now(),
            lease.run,
          ],
        );
        const detail = error?.message;
        await appendEvent(tx, { run: lease.run, step: undefined, type: `run-${state}`, at: clock.now(), detail });
      }),
  };
}

export async function appendEvent(tx: SqlExecutor, event: Omit<RunEvent, "seq">): Promise<void> {
  await tx.run("INSERT INTO event (run, step, type, at, detail) VALUES (?, ?, ?, ?, ?)", [
    event.run,
    event.step ?? null,
    event.type,
    event.at,
    event.detail ?? null,
  ]);
}
