import { type ErrorFactory, errorFactory } from "@ashlar/core";

/** A value as a message tells it, whatever it is and however large. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : String(value);
  return text.length > 120 || (typeof value === "string" && value.length > 100) ? `${text.slice(0, 120)}...` : text;
}

/** The part of the package's errors that the client throws too: a bundle for browsers has no others. */
export const clientErrors = {
  ENTITY_KEY_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { key: string; row: number; value: unknown; wanted: string }): string =>
      `Entity row ${d.row} has ${shown(d.value)} for "${d.key}", but ${d.wanted} is wanted. Give every key and input the selected features need.`,
  },
  ON_DEMAND_FAILED: {
    status: 500,
    retryable: false,
    message: (d: { view: string; reason: string }): string =>
      `The on-demand view "${d.view}" failed: ${d.reason}. Its compute function must return every declared output for every input.`,
  },
  SERVER_UNREACHABLE: {
    status: 503,
    retryable: true,
    message: (d: { url: string; reason: string }): string =>
      `No answer came from ${d.url}: ${d.reason}. Try again, and see that the address is right and the server is up.`,
  },
  DEADLINE_EXCEEDED: {
    status: 504,
    retryable: true,
    message: (d: { url: string; timeoutMs: number }): string =>
      `${d.url} did not answer within ${d.timeoutMs} ms. Try again, ask for less, or allow more with "timeoutMs".`,
  },
  RESPONSE_INVALID: {
    status: 502,
    retryable: false,
    message: (d: { url: string; reason: string }): string =>
      `The answer of ${d.url} is none of a feature store: ${d.reason}. See that the address is that of its handler, and that both sides are of one version.`,
  },
} as const;

/** @see clientErrors */
export const clientError: ErrorFactory<typeof clientErrors> = errorFactory("feature-store", clientErrors);
