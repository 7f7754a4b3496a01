import { dimensionsOf, type Value, type ValueType, type VectorType } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import type { Reading, Readings } from "./read.ts";

/** What the numbers of {@link OnlineColumn.statuses} stand for. */
export const readingStatuses = ["PRESENT", "NULL", "EXPIRED", "NOT_FOUND", "MISSING_KEY"] as const;

/** The number of a status. */
export const statusCode = { PRESENT: 0, NULL: 1, EXPIRED: 2, NOT_FOUND: 3, MISSING_KEY: 4 } as const;

/** The array that the values of a type come in; booleans as 0 and 1, times as epoch microseconds. */
export type ValuesOfType<Type extends ValueType = ValueType> = Type extends "float64"
  ? Float64Array
  : Type extends "int32"
    ? Int32Array
    : Type extends "int64" | "timestamp"
      ? BigInt64Array
      : Type extends "boolean"
        ? Uint8Array
        : Type extends VectorType
          ? (Float32Array | null)[]
          : (string | null)[];

/** One feature of many entities. */
export interface OnlineColumn<Type extends ValueType = ValueType> {
  readonly type: Type;
  /** One per entity; where the status is not 0: NaN, 0 or null. */
  readonly values: ValuesOfType<Type>;
  /** What each value is, a number that {@link readingStatuses} names. */
  readonly statuses: Uint8Array;
  /** Milliseconds; NaN where there is none. Features that are of one age share it. */
  readonly ageMs: Float64Array;
}

/** Features of many entities, column by column: what a model takes, without an object for each value. */
export class OnlineColumns<Name extends string = string> {
  /** How many entities there are. */
  readonly length: number;
  readonly names: readonly Name[];
  readonly #columns: ReadonlyMap<string, OnlineColumn>;

  constructor(length: number, names: readonly Name[], columns: ReadonlyMap<string, OnlineColumn>) {
    this.length = length;
    this.names = names;
    this.#columns = columns;
  }

  /** @throws FEATURE_UNKNOWN */
  column(name: Name): OnlineColumn {
    const column = this.#columns.get(name);
    if (column === undefined) throw featureStoreError("FEATURE_UNKNOWN", { feature: name, known: this.names });
    return column;
  }

  /**
   * Numbers and booleans row by row, a row per entity, as models take them: `[length, names.length]`, NaN for what is not
   * PRESENT.
   *
   * @param names default all
   * @throws FEATURE_UNKNOWN, and COLUMN_TYPE_MISMATCH for a feature of text, time or vectors
   */
  matrix(names: readonly Name[] = this.names): Float32Array {
    const width = names.length;
    const matrix = new Float32Array(this.length * width);
    names.forEach((name, i) => {
      const { type, values, statuses } = this.column(name);
      if (type === "string" || type === "timestamp" || dimensionsOf(type) !== undefined) {
        const wanted = "a number or boolean, to stand in a matrix";
        throw featureStoreError("COLUMN_TYPE_MISMATCH", { column: name, table: "the read", found: type, wanted });
      }
      for (let row = 0; row < this.length; row++) {
        matrix[row * width + i] = statuses[row] === statusCode.PRESENT ? Number(values[row]) : NaN;
      }
    });
    return matrix;
  }

  /** As `read` gives it. @throws FEATURE_UNKNOWN */
  reading(name: Name, row: number): Reading {
    const { type, values, statuses, ageMs } = this.column(name);
    const status = readingStatuses[statuses[row] as number] ?? "NOT_FOUND";
    if (status === "NOT_FOUND" || status === "MISSING_KEY") return { status, value: null, ageMs: null };
    const age = ageMs[row] as number;
    if (status !== "PRESENT") return { status, value: null, ageMs: age };
    const value = values[row] as Exclude<Value, boolean>;
    return { status, value: type === "boolean" ? value === 1 : value, ageMs: age };
  }

  /** The rows that `read` gives. */
  rows(): Readings[] {
    return Array.from({ length: this.length }, (_, row) =>
      Object.fromEntries(this.names.map((name) => [name, this.reading(name, row)])),
    );
  }
}

/** As many values of a type, which are NaN, 0 or null. */
export function emptyValues(type: ValueType, length: number): ValuesOfType {
  if (type === "float64") return new Float64Array(length).fill(NaN);
  if (type === "int32") return new Int32Array(length);
  if (type === "int64" || type === "timestamp") return new BigInt64Array(length);
  return type === "boolean" ? new Uint8Array(length) : Array.from<null>({ length }).fill(null);
}

/** Sets a value of the type of the array; null is what {@link emptyValues} has. */
export function setValue(values: ValuesOfType, row: number, value: Value | null): void {
  if (value !== null) values[row] = (typeof value === "boolean" ? Number(value) : value) as never;
  else if (Array.isArray(values)) values[row] = null;
  else if (values instanceof BigInt64Array) values[row] = 0n;
  else values[row] = values instanceof Float64Array ? NaN : 0;
}
