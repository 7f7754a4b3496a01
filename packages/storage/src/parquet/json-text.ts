/** A parsed JSON text. Whole numbers beyond 2^53 are `bigint`, so that none is another; fractions are doubles. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [name: string]: Json };

type Reviver = (this: unknown, name: string, value: unknown, context: { readonly source?: string }) => unknown;

// The third argument of a reviver, the source text of a primitive, is newer than its type: "JSON.parse source text access".
const parse = JSON.parse as (text: string, reviver?: Reviver) => Json;

const whole = /^-?\d+$/;

/** Parses a JSON text (RFC 8259) without rounding a whole number. @throws SyntaxError */
export function parseJson(text: string): Json {
  // Sixteen digits in a row may be such a number; without them the plain parser, which is several times as fast, will do.
  if (!/\d{16}/.test(text)) return parse(text);
  return parse(text, (_, value, { source }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined && whole.test(source)
      ? BigInt(source)
      : value,
  );
}

/** What a JSON pointer (RFC 6901) leads to: `/user/tags/0`; undefined where there is nothing. */
export function pointedAt(value: Json, pointer: readonly string[]): Json | undefined {
  let at: Json | undefined = value;
  for (const step of pointer) {
    if (typeof at !== "object" || at === null) return undefined;
    if (Array.isArray(at)) at = /^(0|[1-9]\d*)$/.test(step) ? (at as readonly Json[])[Number(step)] : undefined;
    else at = Object.hasOwn(at, step) ? (at as Readonly<Record<string, Json>>)[step] : undefined;
  }
  return at;
}

/** The steps of a JSON pointer; undefined when the text is none. */
export function pointerSteps(text: string): readonly string[] | undefined {
  if (text === "") return [];
  if (!text.startsWith("/") || /~(?![01])/.test(text)) return undefined;
  return text
    .slice(1)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}
