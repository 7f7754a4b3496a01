import { compareObjectKeys } from "@ashlar/core";
import { isPlainObject, problemOfCondition } from "./condition.ts";
import { type Json, parseJson, pointedAt, pointerSteps } from "./json-text.ts";

export type JsonScalar = string | number | bigint | boolean;

/**
 * What must hold of one place in a JSON text. Values of another kind (a number for a string) match nothing. Whole numbers beyond
 * 2^53 are told apart by a `bigint`.
 */
export interface JsonCondition {
  readonly eq?: JsonScalar;
  readonly in?: readonly JsonScalar[];
  readonly gt?: JsonScalar;
  readonly gte?: JsonScalar;
  readonly lt?: JsonScalar;
  readonly lte?: JsonScalar;
  /** True: nothing is there, or `null`. False: something is. */
  readonly null?: boolean;
}

/** Conditions by JSON pointer (RFC 6901): `{ "/user/age": { gte: 18 }, "/tags/0": "new" }`. A bare value means `eq`. */
export type JsonConditions = Readonly<Record<string, JsonScalar | JsonCondition>>;

/**
 * The test of a JSON text. A text that is not JSON matches nothing.
 *
 * @returns a sentence about what is wrong with the conditions instead, if something is
 */
export function jsonTest(conditions: JsonConditions): ((text: string) => boolean) | string {
  if (!isPlainObject(conditions)) return `at: ${String(conditions)}`;
  const tests: { readonly steps: readonly string[]; readonly holds: (value: Json | undefined) => boolean }[] = [];
  for (const [pointer, given] of Object.entries(conditions)) {
    const steps = pointerSteps(pointer);
    if (steps === undefined) return `${JSON.stringify(pointer)} is no JSON pointer, such as "/user/age"`;
    const problem =
      problemOfCondition(given) ?? (isPlainObject(given) && "at" in given ? '"at" within "at"' : undefined);
    if (problem !== undefined) return `${problem} at ${JSON.stringify(pointer)}`;
    tests.push({ steps, holds: holdsOf(typeof given === "object" ? given : { eq: given }) });
  }
  return (text) => {
    let value: Json;
    try {
      value = parseJson(text);
    } catch {
      return false;
    }
    return tests.every(({ steps, holds }) => holds(pointedAt(value, steps)));
  };
}

function holdsOf({
  eq,
  in: values,
  gt,
  gte,
  lt,
  lte,
  null: isNull,
}: JsonCondition): (value: Json | undefined) => boolean {
  const bounds: readonly (readonly [JsonScalar | undefined, (order: number) => boolean])[] = [
    [eq, (order) => order === 0],
    [gt, (order) => order > 0],
    [gte, (order) => order >= 0],
    [lt, (order) => order < 0],
    [lte, (order) => order <= 0],
  ];
  const asked = bounds.flatMap(([bound, holds]) => (bound === undefined ? [] : [{ bound, holds }]));
  return (value) => {
    if (value === undefined || value === null) return isNull === true && asked.length === 0 && values === undefined;
    if (isNull === true) return false;
    return (
      asked.every(({ bound, holds }) => holds(order(value, bound))) &&
      (values === undefined || values.some((other) => order(value, other) === 0))
    );
  };
}

/** NaN for values of different kinds. */
function order(value: Json, bound: JsonScalar): number {
  if (typeof value === "string" && typeof bound === "string") return compareObjectKeys(value, bound);
  if (isNumber(value) && isNumber(bound)) {
    // A number is the nearest double of what was meant, and so is compared with the nearest double of what is there.
    const number = typeof bound === "number" ? Number(value) : value;
    return number < bound ? -1 : number > bound ? 1 : 0;
  }
  if (typeof value === "boolean" && typeof bound === "boolean") return Number(value) - Number(bound);
  return Number.NaN;
}

const isNumber = (value: unknown): value is number | bigint => typeof value === "number" || typeof value === "bigint";
