import { isAshlarError } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { retryAfterMs } from "./backoff.ts";

export interface S3Call {
  /** For messages: `s3://bucket`. */
  readonly store: string;
  readonly operation: string;
  readonly key: string;
}

interface SdkError extends Error {
  readonly $fault?: "client" | "server";
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

const conflicts = new Set(["ConditionalRequestConflict", "OperationAborted"]);
const missing = new Set(["NoSuchKey", "NotFound"]);
const transient = new Set([
  "SlowDown",
  "RequestTimeout",
  "RequestTimeTooSkewed",
  "ThrottlingException",
  "TimeoutError",
]);

/** The SDK's error behind a failed command; undefined for any other failure. */
function sdkError(error: unknown): SdkError | undefined {
  const isOfStore = isAshlarError(error, "STORE_REFUSED") || isAshlarError(error, "STORE_UNAVAILABLE");
  return isOfStore && error.cause instanceof Error ? error.cause : undefined;
}

/** The HTTP status a command failed with. */
export const statusOf = (error: unknown): number | undefined => sdkError(error)?.$metadata?.httpStatusCode;

/** Another writer was at work on the object: the answer says nothing of the condition, and the command may be sent again. */
export const isConflict = (error: unknown): boolean => conflicts.has(sdkError(error)?.name ?? "");

export const isNotFound = (error: unknown): boolean => missing.has(sdkError(error)?.name ?? "");

/** The errors that have no meaning of their own in the port: STORE_REFUSED, or STORE_UNAVAILABLE. */
export function s3Failure(cause: unknown, call: S3Call): Error {
  const { name, message, $fault, $metadata, $response } = cause as SdkError;
  const status = $metadata?.httpStatusCode;
  const details = { ...call, reason: `${name}: ${message}` };
  const isRefusal = $fault === "client" && status !== undefined && status >= 400 && status < 500 && status !== 429;
  if (isRefusal && !transient.has(name) && !conflicts.has(name))
    return storageError("STORE_REFUSED", details, { cause });
  const wait = retryAfterMs($response?.headers?.["retry-after"]);
  return storageError("STORE_UNAVAILABLE", wait === undefined ? details : { ...details, retryAfterMs: wait }, {
    cause,
  });
}
