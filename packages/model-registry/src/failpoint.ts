/** The boundaries at which a crash is interesting. Tests kill the process at each of them. */
export const failpoints = [
  "blob-stored",
  "manifest-stored",
  "signature-stored",
  "version-inserted",
  "version-committed",
  "alias-moved",
  "alias-committed",
] as const;

/** Called at each boundary; a test's hook may end the process there. */
export type Failpoint = (point: (typeof failpoints)[number], detail?: string) => void;
