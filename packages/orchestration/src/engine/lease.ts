import type { Clock, SqlDatabase, SqlExecutor } from "@ashlar/core";
import { orchestrationError } from "../errors.ts";
import { isAlive, type WorkerIdentity } from "./worker-identity.ts";

/** A worker of another host that has not been heard of for so long is taken for dead. */
const leaseMs = 10_000;

/** The right to carry out a run. Every write names the epoch, so a holder that was overtaken cannot write. */
export interface Lease {
  readonly run: string;
  readonly epoch: number;
}

export async function registerWorker(database: SqlDatabase, worker: WorkerIdentity, clock: Clock): Promise<void> {
  await database.run("INSERT INTO worker VALUES (?, ?, ?, ?, ?)", [
    worker.id,
    worker.host,
    worker.pid,
    worker.processStart,
    clock.now(),
  ]);
}

export async function beat(database: SqlDatabase, worker: WorkerIdentity, clock: Clock): Promise<void> {
  await database.run("UPDATE worker SET beat_at = ? WHERE id = ?", [clock.now(), worker.id]);
}

/** Takes over a run whose owner is dead. @throws RUN_OWNED while its owner lives */
export async function claim(tx: SqlExecutor, run: string, worker: WorkerIdentity, clock: Clock): Promise<Lease> {
  const [row] = await tx.query<{ owner: string | null; epoch: number }>("SELECT owner, epoch FROM run WHERE id = ?", [
    run,
  ]);
  if (row === undefined) throw orchestrationError("RUN_NOT_FOUND", { run });
  if (row.owner !== null && row.owner !== worker.id) await refuseWhileAlive(tx, run, row.owner, clock);
  const epoch = row.epoch + 1;
  await tx.run("UPDATE run SET owner = ?, epoch = ? WHERE id = ?", [worker.id, epoch, run]);
  return { run, epoch };
}

async function refuseWhileAlive(tx: SqlExecutor, run: string, owner: string, clock: Clock): Promise<void> {
  const [row] = await tx.query<{ id: string; host: string; pid: number; process_start: string; beat_at: number }>(
    "SELECT * FROM worker WHERE id = ?",
    [owner],
  );
  if (row === undefined) return;
  const known = isAlive({ id: row.id, host: row.host, pid: row.pid, processStart: row.process_start });
  const alive = known ?? clock.now() - row.beat_at < leaseMs;
  if (alive) throw orchestrationError("RUN_OWNED", { run, owner: `process ${row.pid} of ${row.host.split(" ")[0]}` });
}

/** @throws RUN_FENCED when another worker has taken the run over */
export async function assertHeld(tx: SqlExecutor, lease: Lease): Promise<void> {
  const [row] = await tx.query<{ epoch: number }>("SELECT epoch FROM run WHERE id = ?", [lease.run]);
  if (row?.epoch !== lease.epoch) throw orchestrationError("RUN_FENCED", { run: lease.run, epoch: lease.epoch });
}

/** Lets go of what a worker holds, when it closes in good order. */
export async function release(database: SqlDatabase, worker: WorkerIdentity): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.run("UPDATE run SET owner = NULL WHERE owner = ?", [worker.id]);
    await tx.run("DELETE FROM worker WHERE id = ?", [worker.id]);
  });
}
