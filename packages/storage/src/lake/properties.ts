import { parseInterval } from "./time.ts";

type Configuration = Readonly<Record<string, string>>;

const day = 86_400_000;

/** Commits between checkpoints: `delta.checkpointInterval`, 10 unless it is a positive integer. */
export function checkpointInterval(configuration: Configuration): number {
  const interval = Number(configuration["delta.checkpointInterval"] ?? 10);
  return Number.isSafeInteger(interval) && interval > 0 ? interval : 10;
}

/** Milliseconds that log entries are kept for time travel: `delta.logRetentionDuration`, 30 days. */
export function logRetention(configuration: Configuration): number {
  return parseInterval(configuration["delta.logRetentionDuration"] ?? "") ?? 30 * day;
}

/** Milliseconds that removed files are kept: `delta.deletedFileRetentionDuration`, 7 days. */
export function deletedFileRetention(configuration: Configuration): number {
  return parseInterval(configuration["delta.deletedFileRetentionDuration"] ?? "") ?? 7 * day;
}

/** Whether expired log entries are deleted: `delta.enableExpiredLogCleanup`, true. */
export function cleansLog(configuration: Configuration): boolean {
  return configuration["delta.enableExpiredLogCleanup"] !== "false";
}
