/** The boundaries at which a crash is interesting. Tests kill the process at each of them. */
export const failpoints = [
  "run-created",
  "run-claimed",
  "step-started",
  "step-ran",
  "step-committed",
  "run-finished",
] as const;

/** Called at each boundary; a test's hook may end the process there. */
export type Failpoint = (point: (typeof failpoints)[number], step?: string) => void | Promise<void>;
