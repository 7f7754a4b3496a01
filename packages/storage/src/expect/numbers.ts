import type { RecordBatch } from "apache-arrow";
import { type ColumnType, decimalOf, type Value } from "../parquet/column-type.ts";
import { columnOf, type Column } from "../parquet/column.ts";
import type { Data } from "apache-arrow";

const numeric: ReadonlySet<unknown> = new Set(["byte", "short", "integer", "long", "float", "double"]);

export function isNumeric(type: ColumnType): boolean {
  return numeric.has(type) || decimalOf(type) !== undefined;
}

/** A value of a numeric column as the nearest number. */
export function toNumber(type: ColumnType): (value: Value) => number {
  const scale = decimalOf(type)?.scale ?? 0;
  return scale === 0 ? Number : (value) => Number(value) / 10 ** scale;
}

/** One column of a batch. */
export function columnIn(batch: RecordBatch, name: string): Column {
  const index = batch.schema.fields.findIndex((field) => field.name === name);
  const field = batch.schema.fields[index];
  if (field === undefined) throw new RangeError(`the batch has no column "${name}"`);
  return columnOf(field, batch.data.children[index] as Data);
}

/** The values of a column that are not null. */
export function* valuesIn(batch: RecordBatch, name: string): Generator<Value> {
  const column = columnIn(batch, name);
  for (let row = 0; row < column.length; row++) {
    const value = column.get(row);
    if (value !== null) yield value;
  }
}

/** The quantile of sorted numbers, between neighbours by linear interpolation: type 7 of Hyndman and Fan (1996). */
export function quantileOf(sorted: ArrayLike<number>, share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  const part = at - Math.floor(at);
  if (part === 0 || below === above) return below;
  const width = above - below;
  // So far apart that their distance is no double.
  const isTooWide = width === Infinity && Number.isFinite(below) && Number.isFinite(above);
  return isTooWide ? below * (1 - part) + above * part : below + width * part;
}
