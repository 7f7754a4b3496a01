import type { Clock } from "../clock.ts";

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  /** Moves time on and wakes every sleeper whose time has come, in order. */
  advance(milliseconds: number): void;
}

export function manualClock(start = 0): ManualClock {
  let time = start;
  let sleepers: { readonly due: number; readonly wake: () => void }[] = [];

  return {
    now: () => time,
    monotonic: () => time - start,
    sleep: (milliseconds, options) =>
      new Promise((resolve, reject) => {
        const signal = options?.signal;
        if (signal?.aborted) return reject(signal.reason as Error);
        const onAbort = (): void => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          reject(signal?.reason as Error);
        };
        const wake = (): void => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        };
        const sleeper = { due: time + milliseconds, wake };
        signal?.addEventListener("abort", onAbort, { once: true });
        if (milliseconds <= 0) wake();
        else sleepers.push(sleeper);
      }),
    advance(milliseconds) {
      time += milliseconds;
      const due = sleepers.filter((sleeper) => sleeper.due <= time).sort((a, b) => a.due - b.due);
      sleepers = sleepers.filter((sleeper) => sleeper.due > time);
      for (const sleeper of due) sleeper.wake();
    },
  };
}
