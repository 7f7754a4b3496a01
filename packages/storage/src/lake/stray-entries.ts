import type { CheckpointFiles } from "./checkpoint.ts";
import type { LogEntry } from "./log.ts";

/**
 * The number of entries at the beginning of a log that are no part of it: a hole follows, a checkpoint lies beyond, and
 * no version can be put together from them. A writer leaves one who put it where the log had been cleaned up while he
 * slept, and was killed before he could look. An entry 0 could be read; it is stray when it came after the entry
 * behind the hole.
 */
export function countStrays(commits: readonly LogEntry[], checkpoints: readonly CheckpointFiles[]): number {
  let strays = 0;
  for (;;) {
    const first = commits[strays];
    const hole = commits.findIndex(
      ({ version }, index) => index > strays && version !== (commits[index - 1] as LogEntry).version + 1,
    );
    const [last, next] = [commits[hole - 1], commits[hole]];
    if (hole < 0 || first === undefined || last === undefined || next === undefined) return strays;
    const isReached = checkpoints.some(({ version }) => version <= last.version);
    const isPassed = checkpoints.some(({ version }) => version > last.version);
    if (isReached || !isPassed || (first.version === 0 && first.modified <= next.modified)) return strays;
    strays = hole;
  }
}
