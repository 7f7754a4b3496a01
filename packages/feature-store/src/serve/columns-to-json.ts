import type { ValueType } from "../define/value-type.ts";
import { type OnlineColumn, type OnlineColumns, readingStatuses, statusCode } from "./online-columns.ts";

/** What a value is in JSON: an integer beyond 2^53 as a string, NaN and infinities by name, a vector as a list. */
export type ValueText = (row: number) => string;

/**
 * The rows of a read as a JSON list, each an object of `{ status, value, ageMs }` by feature. Written as text at once: objects
 * for each value, made to be written and forgotten, would cost several times as much.
 */
export function rowsToJson(columns: OnlineColumns): string {
  const ages = new AgeTexts();
  const writers = columns.names.map((name, i) => {
    const column = columns.column(name);
    const heads = readingStatuses.map(
      (status) => `${i === 0 ? "" : ","}${JSON.stringify(name)}:{"status":"${status}","value":`,
    );
    return { statuses: column.statuses, heads, value: valueTexts(column), age: ages.of(column.ageMs) };
  });
  let text = "[";
  for (let row = 0; row < columns.length; row++) {
    text += row === 0 ? "{" : ",{";
    for (const { statuses, heads, value, age } of writers) {
      const status = statuses[row] as number;
      text += heads[status];
      text += status === statusCode.PRESENT ? value(row) : "null";
      text += age(row);
    }
    text += "}";
  }
  return `${text}]`;
}

/** The texts of the values of a column that are present. */
export function valueTexts({ type, values }: OnlineColumn): ValueText {
  switch (type as ValueType) {
    case "float64":
      return (row) => numberText(values[row] as number);
    case "int32":
      return (row) => String(values[row]);
    case "int64":
    case "timestamp":
      return (row) => integerText(values[row] as bigint);
    case "boolean":
      return (row) => (values[row] === 1 ? "true" : "false");
    case "string":
      return (row) => JSON.stringify(values[row]);
    default:
      return (row) => `[${(values[row] as Float32Array).join()}]`;
  }
}

const numberText = (value: number): string => (Number.isFinite(value) ? String(value) : `"${value}"`);

function integerText(value: bigint): string {
  return Number.isSafeInteger(Number(value)) ? String(value) : `"${value}"`;
}

/** Features that are of one age share its array: the text of each age is made once. */
class AgeTexts {
  readonly #known = new Map<Float64Array, readonly string[]>();

  /** The end of a reading. */
  of(ageMs: Float64Array): (row: number) => string {
    let texts = this.#known.get(ageMs);
    if (texts === undefined) {
      texts = Array.from(ageMs, (age) => `,"ageMs":${Number.isNaN(age) ? "null" : String(age)}}`);
      this.#known.set(ageMs, texts);
    }
    const made = texts;
    return (row) => made[row] as string;
  }
}
