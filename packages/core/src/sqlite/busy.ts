import { systemClock } from "../clock.ts";
import { coreError } from "../errors.ts";

/** How long a connection waits for the lock of another process. */
export interface Patience {
  readonly path: string;
  readonly busyTimeoutMs: number;
}

/**
 * Does the work, and again after a short sleep while another process has the file locked, until the timeout, which
 * counts from `since` (of `performance.now()`). The event loop stays free meanwhile. The work must have had no effect
 * when it meets the lock: so it is for a single statement, and for BEGIN IMMEDIATE.
 *
 * @throws DATABASE_BUSY
 */
export async function whenFree<Result>(
  { path, busyTimeoutMs }: Patience,
  since: number,
  work: () => Result,
): Promise<Result> {
  for (let sleepMs = 1; ; sleepMs = Math.min(50, sleepMs * 2)) {
    try {
      return work();
    } catch (cause) {
      if (!isBusy(cause)) throw cause;
      const left = since + busyTimeoutMs - systemClock.monotonic();
      if (left <= 0) throw coreError("DATABASE_BUSY", { path, waitedMs: busyTimeoutMs }, { cause });
      // Drawn anew each time, so that processes that wait for one another do not come back together.
      await systemClock.sleep(Math.min(left, sleepMs * (0.5 + Math.random())));
    }
  }
}

/** SQLITE_BUSY (5), whatever its extended code. */
function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === "number" && (code & 0xff) === 5;
}
