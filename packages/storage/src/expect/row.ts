import type { Value } from "../parquet/column-type.ts";
import { type Column, columnsOf } from "../parquet/column.ts";
import { invalid, nameOf, type RowExpectation, type SeverityOption, severityOf } from "./expectation.ts";

export interface RowsOptions extends SeverityOption {
  /** The columns that the predicate looks at. @default all, which is slower */
  readonly columns?: readonly string[];
}

/** Rows for which the predicate is true, whatever it is. A null is given as null. */
export function rows(
  name: string,
  predicate: (row: Readonly<Record<string, Value | null>>) => boolean,
  options: RowsOptions = {},
): RowExpectation {
  return {
    name: nameOf("rows", name),
    kind: "rows",
    level: "row",
    columns: options.columns ?? [],
    test: () => ({
      of(columns) {
        const wanted = options.columns?.map((column) => columns.get(column) as Column) ?? [...columns.values()];
        return (row) => {
          const holds: unknown = predicate(Object.fromEntries(wanted.map((column) => [column.name, column.get(row)])));
          // Every promise is truthy.
          if (typeof holds !== "object" || holds === null) return Boolean(holds);
          const remedy = "Give a function that says true or false at once.";
          throw invalid(nameOf("rows", name), `its predicate gave ${Object.prototype.toString.call(holds)}`, remedy);
        };
      },
    }),
    ...severityOf(options),
  };
}

export interface UniqueOptions extends SeverityOption {
  /**
   * `write`: no two rows of the write are alike. `table`: nor is one like a row of the version that the write read and
   * does not replace; rows that another writer commits meanwhile are not seen. @default "write"
   */
  readonly within?: "write" | "table";
}

/**
 * No two rows with the same values in the columns: of several, the first stays. A row with a null in one of them passes;
 * NaN is like NaN, and 0 like -0. Rows that are set aside for another reason do not count. The keys are held in memory,
 * for `within: "table"` those of the whole table.
 */
export function unique(columns: readonly string[], options: UniqueOptions = {}): RowExpectation {
  const { within = "write" } = options;
  const name = nameOf("unique", columns, ...(within === "write" ? [] : [{ within }]));
  if (columns.length === 0) throw invalid(name, "it names no column", "Give those that make a row unique.");
  return {
    name,
    kind: "unique",
    args: [columns, { within }],
    level: "row",
    columns,
    async test(write) {
      const seen = new Set<string>();
      for await (const batch of (within === "table" && (write.remaining ?? write.previous)?.(columns)) || []) {
        const keyOf = keyReader(columns, new Map(columnsOf(batch).map((column) => [column.name, column])));
        for (let row = 0; row < batch.numRows; row++) {
          const key = keyOf(row);
          if (key !== undefined) seen.add(key);
        }
      }
      let keyOf: (row: number) => string | undefined = () => undefined;
      return {
        of(batch) {
          keyOf = keyReader(columns, batch);
          return (row) => {
            const key = keyOf(row);
            return key === undefined || !seen.has(key);
          };
        },
        keep(row) {
          const key = keyOf(row);
          if (key !== undefined) seen.add(key);
        },
      };
    },
    ...severityOf(options),
  };
}

/** A text that is the same for the same values, and for no others; undefined when one of them is null. */
function keyReader(
  names: readonly string[],
  columns: ReadonlyMap<string, Column>,
): (row: number) => string | undefined {
  const wanted = names.map((name) => columns.get(name) as Column);
  return (row) => {
    let key = "";
    for (const column of wanted) {
      const value = column.get(row);
      if (value === null) return undefined;
      const text = keyText(value);
      key += `${text.length}:${text}`;
    }
    return key;
  };
}

function keyText(value: Value | null): string {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  if (typeof value === "number") return String(value + 0);
  if (typeof value !== "object" || value === null) return String(value);
  const parts = Array.isArray(value) ? value : Object.values(value);
  return (parts as readonly (Value | null)[]).map((part) => JSON.stringify(keyText(part))).join();
}
