import { isAshlarError } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { retryAfterMs } from "./backoff.ts";

export interface AzureCall {
  /** For messages: `azure://container`. */
  readonly store: string;
  readonly operation: string;
  readonly key: string;
}

/** A `RestError` of the SDK, as far as it is looked at. */
interface RestError extends Error {
  readonly code?: string;
  readonly statusCode?: number;
  readonly details?: { readonly errorCode?: string };
  readonly response?: { readonly headers?: { get(name: string): string | undefined } };
}

/** The SDK's error behind a failed call; undefined for any other failure. */
function restError(error: unknown): RestError | undefined {
  const isOfStore = isAshlarError(error, "STORE_REFUSED") || isAshlarError(error, "STORE_UNAVAILABLE");
  return isOfStore && error.cause instanceof Error ? error.cause : undefined;
}

const codeOf = (error: RestError | undefined): string => error?.code ?? error?.details?.errorCode ?? "";

export const isNotFound = (error: unknown): boolean => {
  const found = restError(error);
  return found?.statusCode === 404 && !codeOf(found).startsWith("Container");
};

export const isPastEnd = (error: unknown): boolean => restError(error)?.statusCode === 416;

export const isUnmet = (error: unknown): boolean =>
  ["ConditionNotMet", "BlobAlreadyExists", "TargetConditionNotMet"].includes(codeOf(restError(error)));

/** Blocks that were staged are gone: another writer has committed to the same blob, which drops everybody's. */
export const isBlocksGone = (error: unknown): boolean => codeOf(restError(error)) === "InvalidBlockList";

/** The errors that have no meaning of their own in the port: STORE_REFUSED, or STORE_UNAVAILABLE. */
export function azureFailure(cause: unknown, call: AzureCall): Error {
  const { name, message, statusCode, response } = cause as RestError;
  const code = codeOf(cause as RestError);
  const details = { ...call, reason: `${code === "" ? name : code}: ${message.split("\n")[0]}` };
  const isRefusal = statusCode !== undefined && statusCode >= 400 && statusCode < 500;
  const isTransient = [408, 429].includes(statusCode ?? 0) || code === "InvalidBlockList";
  if (isRefusal && !isTransient) return storageError("STORE_REFUSED", details, { cause });
  const wait = retryAfterMs(response?.headers?.get("retry-after"));
  return storageError("STORE_UNAVAILABLE", wait === undefined ? details : { ...details, retryAfterMs: wait }, {
    cause,
  });
}
