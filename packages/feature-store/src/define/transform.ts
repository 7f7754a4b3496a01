import { clientError, shown } from "../client/errors.ts";
import { isMoment, isValueOf, type Value, type ValuesOf, type ScalarType } from "./value-type.ts";

export type Shape = Readonly<Record<string, ScalarType>>;

/**
 * One pure function from a request to features, with the types of both: what `onDemand` makes a view of, and what the client
 * can run by itself. Its module need import nothing but this.
 */
export interface Transform<Name extends string = string, Input extends Shape = Shape, Output extends Shape = Shape> {
  readonly name: Name;
  readonly input: Input;
  readonly output: Output;
  /** A method by its type only, so that a transform of any input is a `Transform`. */
  compute(input: ValuesOf<Input>): { readonly [Key in keyof Output]: ValuesOf<Output>[Key] | null };
}

/** Types a transform from its shapes. Nothing is checked until it is made a view of, or is given to a client. */
export function transform<const Name extends string, const Input extends Shape, const Output extends Shape>(
  definition: Transform<Name, Input, Output>,
): Transform<Name, Input, Output> {
  return definition;
}

/** A function on rows that checks what the transform returns. @throws ON_DEMAND_FAILED, when called */
export function transformer(
  definition: Transform,
): (row: Readonly<Record<string, Value>>) => Readonly<Record<string, Value | null>> {
  const view = definition.name;
  const outputs = Object.entries(definition.output);
  return (row) => {
    let result: unknown;
    try {
      result = definition.compute(row as ValuesOf<Shape>);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : `it threw ${shown(cause)}`;
      throw clientError("ON_DEMAND_FAILED", { view, reason }, { cause });
    }
    if (typeof result !== "object" || result === null) {
      throw clientError("ON_DEMAND_FAILED", { view, reason: `it returned ${shown(result)}, and no object` });
    }
    const values = result as Readonly<Record<string, unknown>>;
    for (const [key, type] of outputs) {
      const value = values[key];
      if (value === null || isValueOf(type, value)) continue;
      const reason = `"${key}" came out as ${shown(value)}, which is no ${type}`;
      throw clientError("ON_DEMAND_FAILED", { view, reason });
    }
    return values as Readonly<Record<string, Value | null>>;
  };
}

/**
 * The inputs of a transform in a row of a request; undefined when one of them is null. An input `at` of type timestamp is
 * the time of asking where none is given.
 *
 * @param at epoch milliseconds
 * @throws ENTITY_KEY_INVALID for a value of another type
 */
export function transformInput(
  { input }: Pick<Transform, "input">,
  row: Readonly<Record<string, unknown>>,
  i: number,
  at: number,
): Record<string, Value> | undefined {
  const values: Record<string, Value> = {};
  let complete = true;
  for (const [name, type] of Object.entries(input)) {
    const given = row[name];
    const value = given === undefined && name === "at" && type === "timestamp" ? BigInt(Math.trunc(at)) * 1000n : given;
    if (value === null) complete = false;
    else if (isValueOf(type, value) && (type !== "timestamp" || isMoment(Number(value) / 1000))) values[name] = value;
    else throw clientError("ENTITY_KEY_INVALID", { key: name, row: i, value, wanted: `a value of type ${type}` });
  }
  return complete ? values : undefined;
}
