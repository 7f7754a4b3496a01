/** Control-plane time. Data carries epoch microseconds as `bigint`; control code carries epoch milliseconds as `number`. */
export interface Clock {
  /** Wall-clock epoch milliseconds, UTC. */
  now(): number;
  /** Milliseconds of a clock that never goes back; only differences mean anything. */
  monotonic(): number;
  /** Resolves after `milliseconds`; rejects with the signal's reason when aborted, leaving no timer behind. */
  sleep(milliseconds: number, options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** The longest delay of a timer, almost 25 days; Node takes a longer one for 1 ms. */
const longestTimer = 2 ** 31 - 1;

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (milliseconds, options) =>
    new Promise((resolve, reject) => {
      const signal = options?.signal;
      if (signal?.aborted) return reject(signal.reason as Error);
      let left = milliseconds;
      let timer: ReturnType<typeof setTimeout>;
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const onTimer = (): void => {
        if (left > 0) {
          begin();
          return;
        }
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const begin = (): void => {
        const next = Math.min(left, longestTimer);
        left -= next;
        timer = setTimeout(onTimer, next);
      };
      begin();
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};
