import * as fc from "fast-check";
import type { ColumnType, PrimitiveType, Value } from "../parquet/column-type.ts";
import { decimalType } from "../parquet/column-type.ts";

/** A column for a property test. */
export interface GeneratedColumn {
  readonly type: ColumnType;
  readonly values: readonly (Value | null)[];
}

/** Columns of any type, nested to `depth`, all with the same number of rows, from 1 to `rows`. */
export function columnsFor(size: {
  readonly depth: number;
  readonly columns: number;
  readonly rows: number;
}): fc.Arbitrary<readonly GeneratedColumn[]> {
  const types = fc.array(columnType(size.depth), { minLength: 1, maxLength: size.columns });
  return fc
    .tuple(types, fc.integer({ min: 1, max: size.rows }))
    .chain(([chosen, rows]) => fc.tuple(...chosen.map((type) => columnOf(type, rows))));
}

function columnOf(type: ColumnType, rows: number): fc.Arbitrary<GeneratedColumn> {
  return fc
    .array(fc.option(valueOf(type), { freq: 4 }), { minLength: rows, maxLength: rows })
    .map((values) => ({ type, values }));
}

const name = fc.oneof(
  fc.constantFrom("a", "b", "element", "key", "1", "0", "x y", "array", "list", "ü", 'q"q', "d.d"),
  fc
    .string({ minLength: 1, maxLength: 6, unit: "grapheme" })
    .filter((text) => text.trim() !== "" && !text.includes("\0")),
);

const leaf: fc.Arbitrary<ColumnType> = fc.oneof(
  fc.constantFrom<ColumnType>("boolean", "byte", "short", "integer", "long", "float", "double"),
  fc.constantFrom<ColumnType>("string", "binary", "date", "timestamp", "timestamp_ntz"),
  fc
    .integer({ min: 1, max: 38 })
    .chain((precision) =>
      fc.integer({ min: 0, max: precision }).map((scale): ColumnType => decimalType({ precision, scale })),
    ),
);

function columnType(depth: number): fc.Arbitrary<ColumnType> {
  if (depth === 0) return leaf;
  const part = columnType(depth - 1);
  const named = fc.uniqueArray(name, { minLength: 1, maxLength: 3, selector: (text) => text.toLowerCase() });
  const struct = named.chain((names) =>
    fc.tuple(...names.map(() => part)).map((types): ColumnType => ({
      type: "struct",
      fields: names.map((own, index) => ({
        name: own,
        type: types[index] as ColumnType,
        nullable: true,
        metadata: {},
      })),
    })),
  );
  const array = part.map((elementType): ColumnType => ({ type: "array", elementType, containsNull: true }));
  const key = fc.constantFrom<ColumnType>("string", "integer", "long", "decimal(22,1)", "date");
  const map = fc
    .tuple(key, part)
    .map(([keyType, valueType]): ColumnType => ({ type: "map", keyType, valueType, valueContainsNull: true }));
  return fc.oneof({ weight: 2, arbitrary: leaf }, struct, array, map);
}

const text = fc
  .string({ unit: "grapheme", maxLength: 20 })
  .filter((value) => value.isWellFormed() && !value.includes("\0"));

const primitives: Record<PrimitiveType, fc.Arbitrary<Value>> = {
  boolean: fc.boolean(),
  byte: fc.integer({ min: -128, max: 127 }),
  short: fc.integer({ min: -32_768, max: 32_767 }),
  integer: fc.integer(),
  long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  float: fc.float(),
  double: fc.double(),
  string: text,
  binary: fc.uint8Array({ maxLength: 20 }),
  date: fc.integer({ min: -700_000, max: 2_900_000 }),
  timestamp: fc.bigInt({ min: -(2n ** 55n), max: 2n ** 55n }),
  timestamp_ntz: fc.bigInt({ min: -(2n ** 55n), max: 2n ** 55n }),
};

function valueOf(type: ColumnType): fc.Arbitrary<Value> {
  if (typeof type === "string") {
    const digits = /^decimal\((\d+)/.exec(type)?.[1];
    if (digits === undefined) return primitives[type as PrimitiveType];
    const limit = 10n ** BigInt(digits) - 1n;
    return fc.oneof(fc.bigInt({ min: -limit, max: limit }), fc.constantFrom(0n, limit, -limit));
  }
  switch (type.type) {
    case "struct":
      return fc
        .tuple(...type.fields.map((field) => fc.option(valueOf(field.type), { freq: 4 })))
        .map((values) => Object.fromEntries(type.fields.map((field, index) => [field.name, values[index] ?? null])));
    case "array":
      return fc.array(fc.option(valueOf(type.elementType), { freq: 4 }), { maxLength: 4 });
    case "map":
      return fc
        .uniqueArray(fc.tuple(valueOf(type.keyType), fc.option(valueOf(type.valueType), { freq: 4 })), {
          maxLength: 4,
          selector: ([key]) => key,
        })
        .map((pairs): Value => pairs);
  }
}
