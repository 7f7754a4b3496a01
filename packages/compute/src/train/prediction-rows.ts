import { computeError } from "../errors.ts";
import { type Dataset, isRead } from "./dataset.ts";
import { plainNumber, type PlainTable, valueReader } from "./table.ts";

/**
 * Rows to predict: row after row, or a column for each feature, or a data set. Values are read as they are for training:
 * NaN, null and undefined are missing, booleans are 0 and 1.
 */
export type PredictionRows = Float32Array | Pick<PlainTable, "columns"> | Dataset;

const BLOCK_ROWS = 1024;

/**
 * Visits rows in blocks, row-major as float32.
 *
 * @throws PREDICTION_INPUT_INVALID
 */
export function eachBlock(
  input: PredictionRows,
  features: readonly string[],
  visit: (block: Float32Array, rows: number, firstRow: number) => void,
): void {
  const rows = countRows(input, features);
  const width = features.length;
  if (input instanceof Float32Array) {
    for (let first = 0; first < rows; first += BLOCK_ROWS) {
      const end = Math.min(rows, first + BLOCK_ROWS);
      visit(input.subarray(first * width, end * width), end - first, first);
    }
    return;
  }
  const columns = features.map((name) => columnOf(input, name, rows, features));
  const block = new Float32Array(Math.min(BLOCK_ROWS, rows) * width);
  for (let first = 0; first < rows; first += BLOCK_ROWS) {
    const count = Math.min(BLOCK_ROWS, rows - first);
    columns.forEach((column, f) => {
      for (let i = 0; i < count; i++) {
        const value = column(first + i);
        block[i * width + f] = typeof value === "number" ? value : toNumber(value, first + i, f, features);
      }
    });
    visit(block.subarray(0, count * width), count, first);
  }
}

/** @throws PREDICTION_INPUT_INVALID */
export function countRows(input: PredictionRows, features: readonly string[]): number {
  if (input instanceof Float32Array) {
    if (input.length % features.length === 0) return input.length / features.length;
    throw invalid(`${input.length} values are not a whole number of rows`, features);
  }
  if (isRead(input) && input.kind === "dataset") return input.rows;
  if (typeof input === "object" && input !== null && "columns" in input) {
    return input.columns[features[0] ?? ""]?.length ?? 0;
  }
  throw invalid("they are no Float32Array, { columns: { name: values } } or data set", features);
}

function columnOf(
  input: Exclude<PredictionRows, Float32Array>,
  name: string,
  rows: number,
  features: readonly string[],
): (row: number) => unknown {
  if ("kind" in input) {
    const f = input.features.indexOf(name);
    if (f >= 0) return valueReader(input.values.subarray(f * rows, (f + 1) * rows));
    throw invalid(`there is no column "${name}"`, features);
  }
  const column = Object.hasOwn(input.columns, name) ? input.columns[name] : undefined;
  if (column === undefined) throw invalid(`there is no column "${name}"`, features);
  if (column.length === rows) return valueReader(column);
  throw invalid(`the column "${name}" has ${column.length} values where others have ${rows}`, features);
}

function toNumber(value: unknown, row: number, feature: number, features: readonly string[]): number {
  const number = plainNumber(value);
  if (number !== undefined) return number;
  throw invalid(`the column "${features[feature]}" holds a ${typeof value} in row ${row}, not a number`, features);
}

function invalid(what: string, features: readonly string[]): Error {
  return computeError("PREDICTION_INPUT_INVALID", { what, features: features.length });
}
