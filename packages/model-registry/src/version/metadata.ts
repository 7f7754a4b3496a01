import { invalid } from "../name.ts";

const maxEntries = 1000;
const maxKey = 250;
const maxParam = 6000;
const maxTag = 8000;

export type ParamValue = string | number | boolean;

/** Metrics, parameters and tags as they are kept: sorted by key. */
export interface Metadata {
  readonly metrics: readonly (readonly [string, number])[];
  readonly params: readonly (readonly [string, string])[];
  readonly tags: readonly (readonly [string, string])[];
}

/** @throws REQUEST_INVALID */
export function checkMetadata(given: {
  readonly metrics?: Readonly<Record<string, number>>;
  readonly params?: Readonly<Record<string, ParamValue>>;
  readonly tags?: Readonly<Record<string, string>>;
}): Metadata {
  const metrics = entries(given.metrics, "metric");
  for (const [key, value] of metrics) {
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw invalid(`metric "${key}"`, value, "it must be a finite number");
    }
  }
  const params = entries(given.params, "param").map(
    ([key, value]) => [key, checkValue(String(value), `param "${key}"`, maxParam)] as const,
  );
  const tags = entries(given.tags, "tag").map(
    ([key, value]) => [key, checkValue(value, `tag "${key}"`, maxTag)] as const,
  );
  return { metrics, params, tags };
}

function entries<Value>(given: Readonly<Record<string, Value>> | undefined, what: string): [string, Value][] {
  const list = Object.entries(given ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (list.length > maxEntries) throw invalid(`number of ${what}s`, list.length, `at most ${maxEntries} are kept`);
  for (const [key] of list) {
    if (key.trim() === "" || key.length > maxKey || !key.isWellFormed() || /\p{Cc}/u.test(key)) {
      throw invalid(`${what} name`, key, `it must have 1 to ${maxKey} characters without control characters`);
    }
  }
  return list;
}

function checkValue(value: string, field: string, limit: number): string {
  if (typeof value !== "string" || value.length > limit || !value.isWellFormed() || value.includes("\0")) {
    throw invalid(field, value, `it must be well-formed text of at most ${limit} characters without NUL`);
  }
  return value;
}
