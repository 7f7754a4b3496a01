import { isAshlarError } from "@ashlar/core";
import type { StepDefinition } from "../define/workflow.ts";

/**
 * The wait before the retry after failure number `failures`: exponential backoff with full jitter, that is, drawn
 * evenly between 0 and the bound, so that many runs that failed together do not come back together.
 *
 * @see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
 */
export function backoff(retry: StepDefinition["retry"], failures: number, random: () => number): number {
  const bound = Math.min(retry.maxMs, retry.initialMs * retry.factor ** (failures - 1));
  return Math.floor(random() * bound);
}

/** True when trying again cannot help: the error says so itself. */
export function isFinal(error: unknown): boolean {
  return typeof error === "object" && error !== null && (error as { retryable?: unknown }).retryable === false;
}

/** The code of an error of an Ashlar package. */
export function codeOf(error: unknown): string | undefined {
  return isAshlarError(error) ? error.code : undefined;
}

/** A message for any thrown value, `undefined` and circular objects included. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  try {
    return String(error);
  } catch {
    return "a value that cannot be shown was thrown";
  }
}
