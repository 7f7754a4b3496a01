/** When a batch is run, and of what size. */
export interface BatchPolicy {
  readonly maxRows: number;
  /** Ascending, none above `maxRows`. */
  readonly preferredRows: readonly number[];
  readonly delayMs: number;
}

export type BatchPlan =
  /** Run the first `count` requests. */
  | { readonly count: number }
  /** Let the batch grow for this long, or until a request comes. */
  | { readonly waitMs: number };

/**
 * The dynamic batching rule of Triton, for the moment when an instance is free. `rows` are the rows of the requests
 * that wait and can be joined, in the order in which they will run; requests are never split.
 *
 * The largest preferred size that the first requests make up exactly is run. Failing that, a batch that can grow no
 * more is run, and any other once its oldest request has waited for the delay.
 *
 * @see https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/batcher.html
 */
export function planBatch(rows: readonly number[], policy: BatchPolicy, oldestWaitedMs: number): BatchPlan {
  let sum = 0;
  let count = 0;
  let preferred = 0;
  while (count < rows.length) {
    const next = sum + (rows[count] ?? 0);
    if (next > policy.maxRows && count > 0) break;
    sum = next;
    count++;
    if (policy.preferredRows.includes(sum)) preferred = count;
  }
  if (preferred > 0) return { count: preferred };
  const full = sum >= policy.maxRows || count < rows.length;
  const waitMs = policy.delayMs - oldestWaitedMs;
  return full || waitMs <= 0 ? { count } : { waitMs };
}
