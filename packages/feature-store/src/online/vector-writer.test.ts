import fc from "fast-check";
import { expect, it } from "vitest";
import { column } from "../define/column.ts";
import type { Features } from "../define/feature-view.ts";
import { vector, type Value, type ValueType } from "../define/value-type.ts";
import type { ColumnData } from "../offline/column-data.ts";
import { columnReader } from "../offline/column-reader.ts";
import type { KeyPart } from "../offline/key-dictionary.ts";
import { entityKey } from "./entity-key.ts";
import { KeyWriter } from "./key-writer.ts";
import { VectorLayout } from "./layout.ts";

const text = fc.string({ unit: "grapheme", maxLength: 300 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const safe = fc.maxSafeInteger();
const nullable = <Item>(of: fc.Arbitrary<Item>): fc.Arbitrary<(Item | null)[]> =>
  fc.array(fc.option(of, { freq: 4 }), { minLength: 6, maxLength: 6 });

/** A column with nulls where `values` has them. */
function columnOf(type: ValueType, values: readonly (Value | null)[]): ColumnData {
  const valid = values.every((value) => value !== null)
    ? {}
    : { valid: Uint8Array.from(values, (value) => Number(value !== null)) };
  const numbers = (): Float64Array => Float64Array.from(values, (value) => Number(value ?? 0));
  switch (type) {
    case "string": {
      const dictionary = [...new Set(values.filter((value) => typeof value === "string"))];
      const codes = Int32Array.from(values, (value) => Math.max(0, dictionary.indexOf(String(value))));
      return { kind: "string", values: codes, dictionary, ...valid };
    }
    case "boolean":
      return { kind: "boolean", values: Uint8Array.from(values, Number), ...valid };
    case "timestamp":
      return { kind: "time", values: numbers(), naive: false, ...valid };
    case "int64":
      return {
        kind: "bigint",
        values: BigInt64Array.from(values, (value) => BigInt((value as bigint) ?? 0)),
        ...valid,
      };
    case "int32":
    case "float64":
      return { kind: "number", values: numbers(), integer: type === "int32", ...valid };
    default:
      return {
        kind: "vector",
        values: values.map((value) => (value as Float32Array) ?? new Float32Array(0)),
        ...valid,
      };
  }
}

it("packs rows of columns as it packs their values", () => {
  const features: Features = {
    ...Object.fromEntries(
      (["string", "boolean", "timestamp", "int64", "int32", "float64"] as const).map((type) => [
        type,
        column(type, type),
      ]),
    ),
    vector: column("vector", vector(3)),
    last: column("last", "string"),
  };
  const layout = new VectorLayout(features);
  const rows = fc.record({
    string: nullable(text),
    boolean: nullable(fc.boolean()),
    timestamp: nullable(safe.map(BigInt)),
    int64: nullable(int64),
    int32: nullable(fc.integer()),
    float64: nullable(fc.double()),
    vector: nullable(fc.float32Array({ minLength: 3, maxLength: 3, noNaN: true, noDefaultInfinity: true })),
    last: nullable(text),
  });
  fc.assert(
    fc.property(rows, safe, safe, safe, (columns, event, known, asOf) => {
      const sources = layout.names.map((name, i) => {
        const type = layout.types[i] as ValueType;
        const data = columnOf(type, (columns as Record<string, (Value | null)[]>)[name] ?? []);
        return { data, read: columnReader(data, type, { column: name, table: "t" }) };
      });
      const writer = layout.writer(sources, asOf);
      for (let row = 0; row < 6; row++) {
        const length = writer.write(row, event, known);
        const values = sources.map(({ read }) => read(row));
        expect(Buffer.compare(writer.bytes.subarray(0, length), layout.pack(values, { event, known, asOf }))).toBe(0);
      }
    }),
  );
});

it("writes the keys of rows as they are of their parts", () => {
  const numbers = [0, 1, -1, 9, 10, 2 ** 31 - 1, 2 ** 31, -(2 ** 40), Number.MAX_SAFE_INTEGER, 999_999_999, null, 5];
  const strings = ["", "a", "é", "a", "x".repeat(70), "y".repeat(600), null, "日本", "7", "a", "b", "c"];
  const flags = strings.map((_, i) => (i === 3 ? null : i % 2 === 0));
  const wanted = (parts: readonly (KeyPart | null)[]): Uint8Array =>
    parts.includes(null) ? Buffer.alloc(0) : Buffer.from(entityKey(parts as KeyPart[]));
  const columns = {
    numbers: { data: { ...columnOf("float64", numbers), integer: true } as ColumnData, parts: numbers },
    strings: { data: columnOf("string", strings), parts: strings },
    flags: { data: columnOf("boolean", flags), parts: flags },
  };
  const { numbers: ids, strings: names, flags: marks } = columns;
  for (const key of [[ids], [names], [marks], [ids, names], [names, marks, ids]]) {
    const writer = new KeyWriter(key.map(({ data }) => data));
    for (let row = 0; row < numbers.length; row++) {
      const written = Buffer.from(writer.bytes.subarray(0, writer.write(row)));
      expect(written).toEqual(wanted(key.map(({ parts }) => parts[row] ?? null)));
    }
  }
});
