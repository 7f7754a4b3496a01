import { computeError } from "../errors.ts";

/**
 * Parses JSON without losing digits: a whole number beyond ±(2^53 - 1) becomes a `bigint`. Every other value is what
 * `JSON.parse` gives. The reviver is slow, so it is used only with `digits`, and when the text holds a number that needs
 * it.
 *
 * @throws PROTOCOL_REQUEST_INVALID
 */
export function parseJson(text: string, digits: boolean): unknown {
  try {
    return digits && /\d{16}/.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
  } catch (error) {
    const what = `the body is not JSON (${(error as Error).message})`;
    throw computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "a request is one JSON object" }, { cause: error });
  }
}

/** A string as JSON of ASCII alone. */
export function quote(text: string): string {
  // Nearly all names are of this form, and to see it takes a fraction of what it takes to write them.
  if (/^[\w .:/-]*$/.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The third argument is the proposal "JSON.parse source text access", in V8 since 11.4. */
function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined || Number.isSafeInteger(value)) return value;
  return /^-?\d{1,20}$/.test(source) ? BigInt(source) : value;
}
