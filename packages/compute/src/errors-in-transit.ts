import { isAshlarError } from "@ashlar/core";

import { computeError, computeErrors } from "./errors.ts";

/** An error as plain data: on its way between threads and processes an error loses its class. */
export interface ErrorInTransit {
  /** `null` when it is none of this package's. */
  readonly code: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export function packError(error: unknown): ErrorInTransit {
  const message = error instanceof Error ? error.message : String(error);
  return isAshlarError(error)
    ? { code: error.code, details: error.details, message }
    : { code: null, details: {}, message };
}

/** The error that was packed, as it was thrown. */
export function unpackError({ code, details, message }: ErrorInTransit): Error {
  if (code === null || !isCode(code)) return new Error(message);
  return computeError(code, details as never);
}

function isCode(code: string): code is keyof typeof computeErrors {
  return Object.hasOwn(computeErrors, code);
}
