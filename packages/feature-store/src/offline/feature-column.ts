import {
  Bool,
  type Data,
  Dictionary,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { dimensionsOf, sameValue, type ScalarType, type Value, type ValueType } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import type { ColumnData } from "./column-data.ts";
import { stringBytes } from "./string-bytes.ts";
import { packBits } from "./column-to-arrow.ts";

/** How the columns of a training set are typed. */
export interface OutputOptions {
  /** The width of floating-point features; default `"float64"`. */
  readonly float?: "float32" | "float64";
  /** `"float"` gives int32 and int64 features as floats too, so that all numeric features are of one type; default `"exact"`. */
  readonly integer?: "exact" | "float";
}

type Storage = "float32" | "float64" | "int32" | "int64" | "timestamp" | "boolean" | "string" | "vector";

/** One feature of a training set: a value or null per label, in the order of the labels. */
export class FeatureColumn {
  readonly name: string;
  readonly type: ValueType;
  readonly length: number;
  readonly #storage: Storage;
  readonly #values: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
  /** One bit per row, least significant first: 1 where there is a value. */
  readonly #bitmap: Uint8Array;
  readonly #codes = new Map<string, number>();
  readonly #dictionary: string[] = [];
  /** Numbers in a value: 1 but for vectors. */
  readonly #width: number;
  #present = 0;
  #arrow: Data | undefined;

  constructor(name: string, type: ValueType, length: number, output: OutputOptions = {}) {
    this.name = name;
    this.type = type;
    this.length = length;
    this.#storage = storageOf(type, output);
    this.#width = dimensionsOf(type) ?? 1;
    this.#values = new arrays[this.#storage](length * this.#width);
    this.#bitmap = new Uint8Array(((length + 63) >> 6) << 3);
  }

  /** @throws VALUE_OUT_OF_RANGE when the value does not fit the type exactly (floats may round to float32) */
  set(row: number, value: Value): void {
    this.#bitmap[row >> 3] = (this.#bitmap[row >> 3] as number) | (1 << (row & 7));
    this.#present++;
    if (value instanceof Float32Array) (this.#values as Float32Array).set(value, row * this.#width);
    else this.#values[row] = this.#encode(value) as never;
  }

  /** As `set`, for the number of an aggregate that is stored as a float or int32. */
  setNumber(row: number, value: number): void {
    this.#bitmap[row >> 3] = (this.#bitmap[row >> 3] as number) | (1 << (row & 7));
    this.#present++;
    (this.#values as Float64Array)[row] = value;
  }

  /**
   * As `set` for every row, with the numbers at `rows` of `data`, and none where that is negative.
   *
   * @returns false, with nothing set, when these numbers cannot be stored so, or not all of them fit
   */
  take(rows: Int32Array, data: ColumnData): boolean {
    const storage = this.#storage;
    if (data.kind !== "number" || (storage !== "float64" && storage !== "float32" && storage !== "int32")) return false;
    const { values: from, valid } = data;
    if (this.type === "int32") {
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i] as number;
        if (row < 0 || valid?.[row] === 0) continue;
        if (((from[row] as number) | 0) !== from[row]) return false;
      }
    }
    const into = this.#values as Float64Array;
    const bitmap = this.#bitmap;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      if (row < 0 || (valid !== undefined && valid[row] === 0)) continue;
      into[i] = from[row] as number;
      bitmap[i >> 3] = (bitmap[i >> 3] as number) | (1 << (i & 7));
      this.#present++;
    }
    return true;
  }

  /** True when values are bigints in storage, so that {@link setNumber} does not do. */
  get wide(): boolean {
    return this.#storage === "int64";
  }

  #has(row: number): boolean {
    return ((this.#bitmap[row >> 3] as number) & (1 << (row & 7))) !== 0;
  }

  get(row: number): Value | null {
    if (!this.#has(row)) return null;
    if (this.#storage === "vector") {
      return (this.#values as Float32Array).slice(row * this.#width, (row + 1) * this.#width);
    }
    const value = this.#values[row] as number | bigint;
    if (this.#storage === "string") return this.#dictionary[value as number] as string;
    if (this.#storage === "boolean") return value === 1;
    return this.type === "int64" && typeof value === "number" ? BigInt(Math.round(value)) : value;
  }

  /** True when the value of the row is another in `other`; NaN equals NaN. */
  differs(other: FeatureColumn, row: number): boolean {
    return !sameValue(this.get(row), other.get(row));
  }

  /** A bit for each row, least significant first, padded to 64: 1 where there is a value. */
  get presence(): Uint8Array {
    return this.#bitmap;
  }

  /** Bytes of the values, with 0 for null: with {@link presence} they are equal exactly when the values are. */
  *bytes(): Iterable<Uint8Array> {
    const { buffer, byteOffset, byteLength } = this.#values;
    if (this.#storage !== "string") yield new Uint8Array(buffer, byteOffset, byteLength);
    else yield* stringBytes(this.#values as Int32Array, this.#dictionary, (row) => this.#has(row));
  }

  /** What the values are stored as. */
  get storage(): string {
    return this.#storage;
  }

  /** The whole column in Arrow; slices of it share its memory. */
  toArrow(): Data {
    return (this.#arrow ??= this.#build());
  }

  #encode(value: Value): number | bigint {
    if (this.#storage === "string") return this.#code(value as string);
    if (this.#storage === "boolean") return value === true ? 1 : 0;
    if (this.#storage === "int64" || this.#storage === "timestamp")
      return this.#fit(value, BigInt.asIntN(64, value as bigint) === value);
    if (this.#storage === "int32") return this.#fit(value, ((value as number) | 0) === value);
    return Number(value);
  }

  #fit(value: Value, fits: boolean): number | bigint {
    if (fits) return value as number | bigint;
    throw featureStoreError("VALUE_OUT_OF_RANGE", { value: String(value), of: this.name, type: this.type });
  }

  #code(value: string): number {
    let code = this.#codes.get(value);
    if (code === undefined) {
      code = this.#dictionary.push(value) - 1;
      this.#codes.set(value, code);
    }
    return code;
  }

  #build(): Data {
    const nulls = { length: this.length, nullCount: this.length - this.#present, nullBitmap: this.#bitmap };
    const data = this.#values;
    switch (this.#storage) {
      case "float32":
        return makeData({ type: new Float32(), data: data as Float32Array, ...nulls });
      case "float64":
        return makeData({ type: new Float64(), data: data as Float64Array, ...nulls });
      case "int32":
        return makeData({ type: new Int32(), data: data as Int32Array, ...nulls });
      case "int64":
        return makeData({ type: new Int64(), data: data as BigInt64Array, ...nulls });
      case "timestamp":
        return makeData({ type: new TimestampMicrosecond("UTC"), data: data as BigInt64Array, ...nulls });
      case "vector": {
        const child = makeData({ type: new Float32(), length: data.length, nullCount: 0, data: data as Float32Array });
        // Of one length, and still a plain list: more writers of files take it.
        const type = new List(new Field("item", new Float32(), true));
        const valueOffsets = Int32Array.from({ length: this.length + 1 }, (_, row) => row * this.#width);
        return makeData({ type, child, valueOffsets, ...nulls });
      }
      case "boolean":
        return makeData({ type: new Bool(), data: packBits(data as Uint8Array), ...nulls });
      case "string": {
        const dictionary = vectorFromArray(this.#dictionary, new Utf8());
        const type = new Dictionary(new Utf8(), new Int32());
        return makeData({ type, data: data as Int32Array, dictionary, ...nulls });
      }
    }
  }
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  timestamp: BigInt64Array,
  boolean: Uint8Array,
  string: Int32Array,
  vector: Float32Array,
} as const;

function storageOf(type: ValueType, { float = "float64", integer = "exact" }: OutputOptions): Storage {
  if (type === "float64" || ((type === "int32" || type === "int64") && integer === "float")) return float;
  return dimensionsOf(type) === undefined ? (type as ScalarType) : "vector";
}
