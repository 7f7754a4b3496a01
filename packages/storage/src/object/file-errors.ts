import { storageError } from "../errors.ts";

/** True when a file system call failed because there is nothing at the path, or a file where a folder should be. */
export function isMissing(error: unknown): boolean {
  return hasCode(error, "ENOENT", "ENOTDIR");
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** Result codes of SQLite, which keeps the lock: https://www.sqlite.org/rescode.html */
const sqliteDenied = new Set([8, 14]);
const sqliteFull = 13;

export interface FileOperation {
  readonly root: string;
  readonly operation: string;
  readonly key: string;
}

/** Names what an operator has to put right; any other error stays as it is. */
export function namedFileError(error: unknown, operation: FileOperation): unknown {
  if (!(error instanceof Error)) return error;
  const details = { ...operation, reason: error.message };
  const errcode = "errcode" in error ? Number(error.errcode) : undefined;
  if (hasCode(error, "ENOSPC", "EDQUOT", "EFBIG") || errcode === sqliteFull) {
    return storageError("STORAGE_FULL", details, { cause: error });
  }
  const isDenied = hasCode(error, "EACCES", "EPERM", "EROFS") || sqliteDenied.has(errcode ?? 0);
  return isDenied ? storageError("STORAGE_DENIED", details, { cause: error }) : error;
}
