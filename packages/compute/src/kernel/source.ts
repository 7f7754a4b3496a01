import { computeError } from "../errors.ts";
import type { ColumnLike, RecordBatchLike } from "../train/table.ts";
import type { Matrix, Tensor } from "./tensor.ts";

/** An Arrow column of fixed-size lists, such as embeddings: `apache-arrow`'s Vector has this shape. */
export interface ListColumnLike {
  readonly length: number;
  readonly nullCount?: number;
  readonly type: { readonly listSize: number };
  getChildAt(index: 0): ColumnLike | null;
}

/**
 * What a matrix is read from: a {@link Matrix}; numbers in a row, as a typed array or an Arrow column, which are one
 * row; an Arrow column of fixed-size lists, one row for each; or an Arrow record batch or table, one row for each of its
 * rows. A matrix and a `Float32Array` are used where they lie, others are copied. Missing values become NaN.
 */
export type MatrixSource = Matrix | Float32Array | Float64Array | ColumnLike | ListColumnLike | RecordBatchLike;

/** @throws KERNEL_INPUT_INVALID */
export function readMatrix(kernel: string, name: string, source: MatrixSource): Matrix {
  if (source instanceof Float32Array) return { data: source, rows: 1, columns: source.length };
  if (source instanceof Float64Array) return { data: Float32Array.from(source), rows: 1, columns: source.length };
  if (typeof source !== "object" || source === null) throw unreadable(kernel, name, `it is ${String(source)}`);
  if ("data" in source && "rows" in source) return checked(kernel, name, source);
  if ("schema" in source) return interleaved(kernel, name, source);
  if (isListColumn(source)) return lists(kernel, name, source);
  if ("get" in source) return { data: floats(kernel, name, source), rows: 1, columns: source.length };
  throw unreadable(kernel, name, "it is none of these");
}

function checked(kernel: string, name: string, { data, rows, columns }: Matrix): Matrix {
  const whole = Number.isSafeInteger(rows) && Number.isSafeInteger(columns) && rows >= 0 && columns >= 0;
  if (whole && data instanceof Float32Array && data.length === rows * columns) return { data, rows, columns };
  throw computeError("KERNEL_INPUT_INVALID", {
    kernel,
    what: `${name} has ${rows} rows, ${columns} columns and ${data?.length} values`,
    rule: "a matrix is a Float32Array of rows x columns values",
  });
}

function interleaved(kernel: string, name: string, batch: RecordBatchLike): Matrix {
  const rows = batch.numRows;
  const columns = batch.schema.fields.length;
  const data = new Float32Array(rows * columns);
  batch.schema.fields.forEach((field, column) => {
    const values = batch.getChild(field.name);
    if (values === null) throw unreadable(kernel, name, `its column "${field.name}" is not there`);
    const own = floats(kernel, `the column "${field.name}" of ${name}`, values);
    for (let row = 0; row < rows; row++) data[row * columns + column] = own[row] ?? Number.NaN;
  });
  return { data, rows, columns };
}

function isListColumn(source: object): source is ListColumnLike {
  return "type" in source && typeof source.type === "object" && source.type !== null && "listSize" in source.type;
}

function lists(kernel: string, name: string, source: ListColumnLike): Matrix {
  const values = source.getChildAt(0);
  const columns = source.type.listSize;
  if (values === null || (source.nullCount ?? 0) > 0 || values.length !== source.length * columns) {
    throw unreadable(kernel, name, `some of its ${source.length} lists are missing`);
  }
  return { data: floats(kernel, name, values), rows: source.length, columns };
}

/** The memory of the column itself where it is float32 without missing values. */
function floats(kernel: string, name: string, column: ColumnLike): Float32Array {
  const values = (column.nullCount ?? 0) === 0 ? column.toArray?.() : undefined;
  if (values instanceof Float32Array) return values;
  return Float32Array.from({ length: column.length }, (_, row) => numberIn(kernel, name, column, row));
}

function numberIn(kernel: string, name: string, column: ColumnLike, row: number): number {
  const value = column.get(row);
  if (typeof value === "number") return value;
  if (value === null || value === undefined) return Number.NaN;
  if (typeof value === "bigint" || typeof value === "boolean" || value instanceof Date) return Number(value);
  const what = `${name} holds a ${typeof value} in row ${row}`;
  throw computeError("KERNEL_INPUT_INVALID", { kernel, what, rule: "values are numbers" });
}

/** One number for each row: a typed array, or an Arrow column, in which missing values are NaN. */
export type WeightSource = Float32Array | Float64Array | Int32Array | ColumnLike;

/** @throws KERNEL_INPUT_INVALID */
export function readWeights(kernel: string, name: string, source: WeightSource): Tensor {
  const read = (data: Tensor["data"]): Tensor => ({ data, rows: 1, columns: data.length });
  if (isWeights(source)) return read(source);
  if (typeof source !== "object" || source === null || !("get" in source)) {
    const rule = "they are a Float32Array, a Float64Array, an Int32Array or an Arrow column of numbers";
    throw computeError("KERNEL_INPUT_INVALID", { kernel, what: `${name} are none of these`, rule });
  }
  const values = (source.nullCount ?? 0) === 0 ? source.toArray?.() : undefined;
  if (isWeights(values)) return read(values);
  return read(Float64Array.from({ length: source.length }, (_, row) => numberIn(kernel, name, source, row)));
}

function isWeights(values: unknown): values is Float32Array | Float64Array | Int32Array {
  return values instanceof Float32Array || values instanceof Float64Array || values instanceof Int32Array;
}

/** Whole numbers of one byte or two: a typed array, or an Arrow column without missing values. */
export type BinSource = Uint8Array | Uint16Array | ColumnLike;

/** @throws KERNEL_INPUT_INVALID */
export function readBins(kernel: string, name: string, source: BinSource, bins: number): Tensor {
  const data = source instanceof Uint8Array || source instanceof Uint16Array ? source : source.toArray?.();
  if (
    !(data instanceof Uint8Array || data instanceof Uint16Array) ||
    ("nullCount" in source && source.nullCount !== 0)
  ) {
    throw computeError("KERNEL_INPUT_INVALID", {
      kernel,
      what: `${name} holds other values`,
      rule: "bins are a Uint8Array, a Uint16Array or an Arrow column of such values, none missing",
    });
  }
  if (bins < 2 ** (8 * data.BYTES_PER_ELEMENT)) {
    const beyond = data.findIndex((bin) => bin >= bins);
    if (beyond >= 0) {
      const what = `${name} has the bin ${data[beyond]} in row ${beyond}`;
      throw computeError("KERNEL_INPUT_INVALID", { kernel, what, rule: `bins lie below ${bins}` });
    }
  }
  return { data, rows: 1, columns: data.length };
}

function unreadable(kernel: string, name: string, what: string): Error {
  return computeError("KERNEL_INPUT_INVALID", {
    kernel,
    what: `${name} cannot be read: ${what}`,
    rule: "it is a matrix, a typed array of floats, an Arrow column of numbers or of fixed-size lists, or a record batch",
  });
}

/** The columns of a matrix, each in memory of its own: `makeVector` of `apache-arrow` takes them as they are. */
export function columnsOf({ data, rows, columns }: Matrix): readonly Float32Array[] {
  const own = Array.from({ length: columns }, () => new Float32Array(rows));
  own.forEach((values, column) => {
    for (let row = 0; row < rows; row++) values[row] = data[row * columns + column] as number;
  });
  return own;
}
