import type { ValueType } from "../define/value-type.ts";
import { type OnlineColumn, type OnlineColumns, readingStatuses, statusCode } from "./online-columns.ts";

/**
 * The rows of a read as a JSON list, each an object of `{ status, value, ageMs }` by feature. Written as text at once: objects
 * for each value, made to be written and forgotten, would cost several times as much.
 */
export function rowsToJson(columns: OnlineColumns): string {
  const agesOf = new AgeTexts();
  const writers = columns.names.map((name, i) => {
    const column = columns.column(name);
    const heads = readingStatuses.map(
      (status) => `${i === 0 ? "" : ","}${JSON.stringify(name)}:{"status":"${status}","value":`,
    );
    return { statuses: column.statuses, heads, values: valueTexts(column), ages: agesOf.of(column.ageMs) };
  });
  let text = "[";
  for (let row = 0; row < columns.length; row++) {
    text += row === 0 ? "{" : ",{";
    for (const { statuses, heads, values, ages } of writers) {
      text += heads[statuses[row] as number];
      text += values[row];
      text += ages[row];
    }
    text += "}";
  }
  return `${text}]`;
}

/** The values of a column as the items of a JSON list, null where one is not present. */
export function valueItems(column: OnlineColumn): string {
  const numbers = column.type === "float64" ? finiteOrNull(column) : undefined;
  // Written at once: a string for each number is most of what an answer costs.
  return numbers === undefined ? valueTexts(column).join() : JSON.stringify(numbers).slice(1, -1);
}

/** Undefined when one is not finite, for which JSON has no number. */
function finiteOrNull({ values, statuses }: OnlineColumn): (number | null)[] | undefined {
  const items: (number | null)[] = [];
  for (let row = 0; row < statuses.length; row++) {
    const value = statuses[row] === statusCode.PRESENT ? (values[row] as number) : null;
    if (value !== null && !Number.isFinite(value)) return undefined;
    items.push(value);
  }
  return items;
}

/** The texts of the values of a column, `null` where one is not present. */
function valueTexts(column: OnlineColumn): string[] {
  const text = textOf(column);
  return Array.from(column.statuses, (status, row) => (status === statusCode.PRESENT ? text(row) : "null"));
}

/** What a value that is present is in JSON: an integer beyond 2^53 as a string, NaN and infinities by name, a vector as a list. */
function textOf({ type, values }: OnlineColumn): (row: number) => string {
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

  /** The ends of readings. */
  of(ageMs: Float64Array): readonly string[] {
    let texts = this.#known.get(ageMs);
    if (texts === undefined) {
      texts = Array.from(ageMs, (age) => `,"ageMs":${Number.isNaN(age) ? "null" : String(age)}}`);
      this.#known.set(ageMs, texts);
    }
    return texts;
  }
}
