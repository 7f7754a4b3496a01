import { tableFromIPC } from "apache-arrow";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Value, ValueType } from "../define/value-type.ts";
import { fromArrow } from "../client/from-arrow.ts";
import { fromJson } from "../client/from-json.ts";
import { columnsToArrow } from "./columns-to-arrow.ts";
import { rowsToJson } from "./columns-to-json.ts";
import { emptyValues, type OnlineColumn, OnlineColumns, setValue, statusCode } from "./online-columns.ts";

const values: Readonly<Record<string, fc.Arbitrary<Value>>> = {
  float64: fc.double().map((value) => value + 0),
  int32: fc.integer(),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  timestamp: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  boolean: fc.boolean(),
  string: fc.string({ unit: "grapheme" }),
  "float32[2]": fc.tuple(fc.float({ noNaN: true }), fc.float({ noNaN: true })).map((pair) => {
    return Float32Array.from(pair, (each) => (Number.isFinite(each) ? each + 0 : 1));
  }),
};

/** A column of some rows, with ages that others may share. */
function columnOf(rows: number, ages: Float64Array): fc.Arbitrary<OnlineColumn> {
  return fc.constantFrom(...(Object.keys(values) as ValueType[])).chain((type) => {
    const cell = fc.tuple(values[type] as fc.Arbitrary<Value>, fc.integer({ min: 0, max: 2 }));
    return fc.array(cell, { minLength: rows, maxLength: rows }).map((cells): OnlineColumn => {
      const made = emptyValues(type, rows);
      const statuses = new Uint8Array(rows);
      cells.forEach(([value, status], row) => {
        statuses[row] = Number.isNaN(ages[row]) ? statusCode.NOT_FOUND : status;
        if (statuses[row] === statusCode.PRESENT) setValue(made, row, value);
      });
      return { type, values: made, statuses, ageMs: ages };
    });
  });
}

const read = fc.integer({ min: 0, max: 6 }).chain((rows) => {
  const age = fc.oneof(fc.constant(Number.NaN), fc.double({ min: 0, max: 1e12, noNaN: true }));
  return fc
    .array(age, { minLength: rows, maxLength: rows })
    .chain((ages) => fc.array(columnOf(rows, Float64Array.from(ages)), { minLength: 1, maxLength: 4 }))
    .map((columns) => {
      const names = columns.map((_, i) => `view:f"${i}`);
      return new OnlineColumns(rows, names, new Map(columns.map((column, i) => [names[i] as string, column])));
    });
});

it("come back from JSON and from Arrow as they were, whatever they hold", () => {
  fc.assert(
    fc.property(read, (columns) => {
      const types = Object.fromEntries(columns.names.map((name) => [name, columns.column(name).type]));
      const body = `{"rows":${rowsToJson(columns)},"types":${JSON.stringify(types)}}`;
      expect(fromJson(body)).toEqual(columns.rows());
      const bytes = columnsToArrow(columns);
      expect(tableFromIPC(bytes).numCols).toBe(3 * columns.names.length);
      expect(fromArrow(bytes)).toEqual(columns.rows());
    }),
    { numRuns: 150 },
  );
});
