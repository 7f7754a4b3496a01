import { DataType, type RecordBatch, TimeUnit, type Vector } from "apache-arrow";
import { featureStoreError } from "../errors.ts";
import { type ColumnData, describeColumn, fromInt64 } from "./column-data.ts";
import { concat } from "./column-pieces.ts";
import { StringCodes } from "./string-codes.ts";

/**
 * Reads one column of some batches: of one type, or of types that go together, such as integers of several widths, times of
 * several units, and text by itself and by a dictionary.
 *
 * @throws COLUMN_MISSING, COLUMN_TYPE_MISMATCH for a type no feature can hold or types that do not go together, TIMESTAMP_INVALID
 */
export function readColumn(batches: readonly RecordBatch[], column: string, table: string): ColumnData {
  const runs: Vector[][] = [];
  let type = "";
  for (const batch of batches) {
    const vector = batch.getChild(column);
    if (vector === null) {
      const columns = batch.schema.fields.map((field) => field.name);
      throw featureStoreError("COLUMN_MISSING", { column, table, columns });
    }
    const own = String(vector.type);
    if (own === type) runs.at(-1)?.push(vector);
    else runs.push([vector]);
    type = own;
  }
  if (runs.length === 0) return { kind: "number", values: new Float64Array(0), integer: true };
  let before = 0;
  const pieces = runs.map((vectors) => {
    const data = readVectors(vectors, { column, table, firstRow: before });
    before += data.values.length;
    return data;
  });
  assertTogether(pieces, column, table);
  return pieces.length === 1 ? (pieces[0] as ColumnData) : concat(pieces);
}

/** @throws COLUMN_TYPE_MISMATCH */
function assertTogether(given: readonly ColumnData[], column: string, table: string): void {
  const pieces = given.filter(({ values }) => values.length > 0);
  const families = new Set(pieces.map(({ kind }) => (kind === "bigint" ? "number" : kind)));
  // An integer beyond 2^53 is no float.
  const isWide = pieces.some(({ kind }) => kind === "bigint");
  const hasFloats = pieces.some((piece) => piece.kind === "number" && !piece.integer);
  if (families.size <= 1 && !(isWide && hasFloats)) return;
  const found = [...new Set(pieces.map(describeColumn))].join(" and ");
  throw featureStoreError("COLUMN_TYPE_MISMATCH", { column, table, found, wanted: "one type in all of its batches" });
}

interface Place {
  readonly column: string;
  readonly table: string;
  /** The number of the first row among those of all batches. */
  readonly firstRow: number;
}

/** Reads vectors of one type. */
function readVectors(vectors: readonly Vector[], place: Place): ColumnData {
  const { column, table } = place;
  const rows = vectors.reduce((sum, vector) => sum + vector.length, 0);
  const type = (vectors[0] as Vector).type as DataType;
  const valid = readValidity(vectors, rows);
  const nulls = valid === undefined ? {} : { valid };
  if (DataType.isTimestamp(type) || DataType.isDate(type)) return { ...readTimes(vectors, rows, place), ...nulls };
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
  if (isText(type)) return { ...readStrings(vectors, rows, valid), ...nulls };
  if (DataType.isDictionary(type) && isText(type.dictionary as DataType)) {
    return { ...readDictionary(vectors, rows), ...nulls };
  }
  if (isFloatList(type)) return { kind: "vector", values: readLists(vectors, rows), ...nulls };
  throw mismatch(column, table, String(type));
}

const isText = (type: DataType): boolean => DataType.isUtf8(type) || DataType.isLargeUtf8(type);

/** A list of floats, of one length or of any. */
function isFloatList(type: DataType): boolean {
  if (!DataType.isList(type) && !DataType.isFixedSizeList(type)) return false;
  const item = type.children[0]?.type as DataType | undefined;
  return item !== undefined && DataType.isFloat(item) && item.precision > 0;
}

/** One array for each row, empty for a null; an item that is null is NaN, which no vector may hold. */
function readLists(vectors: readonly Vector[], rows: number): Float32Array[] {
  const values = Array.from({ length: rows }, () => noNumbers);
  each(vectors, (value, row) => {
    if (value === null) return;
    values[row] = Float32Array.from(value as Iterable<number | null>, (item) => item ?? Number.NaN);
  });
  return values;
}

const noNumbers = new Float32Array(0);

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
  for (const data of vectors.flatMap((vector) => vector.data)) {
    const { nullBitmap, offset, length } = data;
    if (data.nullCount > 0 && data.nullable) {
      for (let i = 0; i < length; i++) {
        const bit = offset + i;
        if (((nullBitmap[bit >> 3] as number) & (1 << (bit & 7))) === 0) valid[row + i] = 0;
      }
    }
    row += length;
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

function readStrings(
  vectors: readonly Vector[],
  rows: number,
  valid: Uint8Array | undefined,
): Extract<ColumnData, { kind: "string" }> {
  const codes = new StringCodes();
  const values = new Int32Array(rows);
  let row = 0;
  for (const data of vectors.flatMap((vector) => vector.data)) {
    codes.encode(data.values as Uint8Array, data.valueOffsets as Int32Array, data.length, values, row, valid);
    row += data.length;
  }
  return { kind: "string", values, dictionary: codes.dictionary };
}

/** Chunks may each bring their own dictionary, and a dictionary may hold a string twice: one code per string here. */
function readDictionary(vectors: readonly Vector[], rows: number): Extract<ColumnData, { kind: "string" }> {
  const codes = new StringCodes();
  const values = new Int32Array(rows);
  let row = 0;
  for (const data of vectors.flatMap((vector) => vector.data)) {
    const translated = Array.from(data.dictionary as Vector, (value) =>
      value === null ? 0 : codes.code(value as string),
    );
    const indices = data.values as Int32Array;
    for (let i = 0; i < data.length; i++) values[row++] = translated[Number(indices[i])] ?? 0;
  }
  return { kind: "string", values, dictionary: codes.dictionary };
}

const perSecond: Readonly<Record<TimeUnit, number>> = {
  [TimeUnit.SECOND]: 1_000_000,
  [TimeUnit.MILLISECOND]: 1_000,
  [TimeUnit.MICROSECOND]: 1,
  [TimeUnit.NANOSECOND]: 0.001,
};

const outside = "it lies outside the years 1684 to 2255";

function readTimes(
  vectors: readonly Vector[],
  rows: number,
  { column, table, firstRow }: Place,
): Extract<ColumnData, { kind: "time" }> {
  const type = (vectors[0] as Vector).type as DataType;
  const values = new Float64Array(rows);
  const invalid = (row: number, rule: string): Error =>
    featureStoreError("TIMESTAMP_INVALID", { column, table, row: firstRow + row, rule });
  if (DataType.isDate(type) && type.unit === 0) {
    const valid = readValidity(vectors, rows);
    fill(vectors, (days, at) => {
      for (let i = 0; i < (days as Int32Array).length; i++) {
        if (valid?.[at + i] === 0) continue;
        const micros = ((days as Int32Array)[i] as number) * 86_400_000_000;
        if (!Number.isSafeInteger(micros)) throw invalid(at + i, outside);
        values[at + i] = micros;
      }
    });
    return { kind: "time", values, naive: true };
  }
  const factor = DataType.isTimestamp(type) ? perSecond[type.unit] : perSecond[TimeUnit.MILLISECOND];
  const valid = readValidity(vectors, rows);
  fill(vectors, (data, at) => {
    const raw = data as BigInt64Array;
    const words = new Int32Array(raw.buffer, raw.byteOffset, raw.length * 2);
    for (let i = 0; i < raw.length; i++) {
      if (valid?.[at + i] === 0) continue;
      const high = words[2 * i + 1] as number;
      let micros = (high * 4294967296 + ((words[2 * i] as number) >>> 0)) * factor;
      if (factor < 1) {
        const nanos = raw[i] as bigint;
        if (nanos % 1000n !== 0n) throw invalid(at + i, "it is finer than a microsecond");
        micros = Number(nanos / 1000n);
      }
      if (!Number.isSafeInteger(micros)) throw invalid(at + i, outside);
      values[at + i] = micros;
    }
  });
  return { kind: "time", values, naive: !DataType.isTimestamp(type) || !type.timezone };
}
