import { DataType, type RecordBatch, TimeUnit, type Vector } from "apache-arrow";
import { featureStoreError } from "../errors.ts";
import { type ColumnData, fromInt64 } from "./column-data.ts";

/**
 * Reads one column of some batches.
 *
 * @throws COLUMN_MISSING, COLUMN_TYPE_MISMATCH for a type no feature can hold, TIMESTAMP_INVALID
 */
export function readColumn(batches: readonly RecordBatch[], column: string, table: string): ColumnData {
  const vectors = batches.map((batch) => {
    const vector = batch.getChild(column);
    if (vector !== null) return vector;
    const columns = batch.schema.fields.map((field) => field.name);
    throw featureStoreError("COLUMN_MISSING", { column, table, columns });
  });
  const rows = batches.reduce((sum, batch) => sum + batch.numRows, 0);
  const type = vectors[0]?.type as DataType | undefined;
  const valid = readValidity(vectors, rows);
  const nulls = valid === undefined ? {} : { valid };
  if (type === undefined) return { kind: "number", values: new Float64Array(0), integer: true };
  if (DataType.isTimestamp(type) || DataType.isDate(type))
    return { ...readTimes(vectors, rows, column, table), ...nulls };
  if (DataType.isInt(type) && type.bitWidth === 64) {
    const values = new BigInt64Array(rows);
    fill(vectors, (data, at) => values.set(data as BigInt64Array, at));
    if (!type.isSigned && values.some((value) => value < 0n)) throw mismatch(column, table, "integers beyond 2^63");
    return fromInt64(values, valid);
  }
  if (DataType.isInt(type) || (DataType.isFloat(type) && type.precision > 0)) {
    const values = new Float64Array(rows);
    fill(vectors, (data, at) => values.set(data as Float64Array, at));
    return { kind: "number", values, integer: DataType.isInt(type), ...nulls };
  }
  if (DataType.isBool(type)) {
    const values = new Uint8Array(rows);
    each(vectors, (value, row) => (values[row] = value === true ? 1 : 0));
    return { kind: "boolean", values, ...nulls };
  }
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) return { ...readStrings(vectors, rows), ...nulls };
  if (DataType.isDictionary(type) && DataType.isUtf8(type.dictionary as DataType)) {
    return { ...readDictionary(vectors, rows), ...nulls };
  }
  throw mismatch(column, table, String(type));
}

const mismatch = (column: string, table: string, found: string): Error =>
  featureStoreError("COLUMN_TYPE_MISMATCH", {
    column,
    table,
    found,
    wanted: "an integer, float, boolean, string or timestamp column",
  });

function readValidity(vectors: readonly Vector[], rows: number): Uint8Array | undefined {
  if (vectors.every((vector) => vector.nullCount === 0)) return undefined;
  const valid = new Uint8Array(rows).fill(1);
  let row = 0;
  for (const vector of vectors) {
    if (vector.nullCount > 0) for (let i = 0; i < vector.length; i++) valid[row + i] = vector.isValid(i) ? 1 : 0;
    row += vector.length;
  }
  return valid;
}

/** Gives the typed array of each chunk, cut to its rows, and the row it starts at. */
function fill(vectors: readonly Vector[], set: (values: unknown, at: number) => void): void {
  let row = 0;
  for (const vector of vectors) {
    for (const data of vector.data) {
      set((data.values as Float64Array).subarray(0, data.length), row);
      row += data.length;
    }
  }
}

function each(vectors: readonly Vector[], visit: (value: unknown, row: number) => void): void {
  let row = 0;
  for (const vector of vectors) for (let i = 0; i < vector.length; i++) visit(vector.get(i), row++);
}

function readStrings(vectors: readonly Vector[], rows: number): Extract<ColumnData, { kind: "string" }> {
  const codes = new Map<string, number>();
  const values = new Int32Array(rows);
  each(vectors, (value, row) => {
    if (value !== null) values[row] = codeOf(codes, value as string);
  });
  return { kind: "string", values, dictionary: [...codes.keys()] };
}

/** Chunks may each bring their own dictionary, and a dictionary may hold a string twice: one code per string here. */
function readDictionary(vectors: readonly Vector[], rows: number): Extract<ColumnData, { kind: "string" }> {
  const codes = new Map<string, number>();
  const values = new Int32Array(rows);
  let row = 0;
  for (const data of vectors.flatMap((vector) => vector.data)) {
    const translated = Array.from(data.dictionary as Vector, (value) =>
      value === null ? 0 : codeOf(codes, value as string),
    );
    const indices = data.values as Int32Array;
    for (let i = 0; i < data.length; i++) values[row++] = translated[Number(indices[i])] ?? 0;
  }
  return { kind: "string", values, dictionary: [...codes.keys()] };
}

function codeOf(codes: Map<string, number>, value: string): number {
  const known = codes.get(value);
  if (known !== undefined) return known;
  codes.set(value, codes.size);
  return codes.size - 1;
}

const perSecond: Readonly<Record<TimeUnit, number>> = {
  [TimeUnit.SECOND]: 1_000_000,
  [TimeUnit.MILLISECOND]: 1_000,
  [TimeUnit.MICROSECOND]: 1,
  [TimeUnit.NANOSECOND]: 0.001,
};

function readTimes(
  vectors: readonly Vector[],
  rows: number,
  column: string,
  table: string,
): Extract<ColumnData, { kind: "time" }> {
  const type = (vectors[0] as Vector).type as DataType;
  const values = new Float64Array(rows);
  const invalid = (row: number, rule: string): Error =>
    featureStoreError("TIMESTAMP_INVALID", { column, table, row, rule });
  if (DataType.isDate(type) && type.unit === 0) {
    fill(vectors, (days, at) => {
      for (let i = 0; i < (days as Int32Array).length; i++)
        values[at + i] = ((days as Int32Array)[i] as number) * 86_400_000_000;
    });
    return { kind: "time", values, naive: true };
  }
  const factor = DataType.isTimestamp(type) ? perSecond[type.unit] : perSecond[TimeUnit.MILLISECOND];
  const raw = new BigInt64Array(rows);
  fill(vectors, (data, at) => raw.set(data as BigInt64Array, at));
  const validity = readValidity(vectors, rows);
  const exact = fromInt64(raw, validity);
  for (let row = 0; row < rows; row++) {
    if (validity?.[row] === 0) continue;
    const micros = factor >= 1 ? Number(exact.values[row]) * factor : Number((raw[row] as bigint) / 1000n);
    if (factor < 1 && (raw[row] as bigint) % 1000n !== 0n) throw invalid(row, "it is finer than a microsecond");
    if (!Number.isSafeInteger(micros)) throw invalid(row, "it lies outside the years 1684 to 2255");
    values[row] = micros;
  }
  return { kind: "time", values, naive: !DataType.isTimestamp(type) || !type.timezone };
}
