import type { FeatureView } from "../define/feature-view.ts";
import { dimensionsOf } from "../define/value-type.ts";
import { type ColumnData, fromInt64 } from "../offline/column-data.ts";
import { type EventCell, Instant } from "./instant.ts";

type Kind = "number" | "bigint" | "string" | "boolean" | "time" | "vector";

/** Columns of events, as the columns of a source are; of one without a value the view says what it would be. */
export function eventColumns(
  view: FeatureView,
  columns: readonly string[],
  cellsOf: (column: number) => readonly EventCell[],
): Map<string, ColumnData> {
  return new Map(columns.map((column, i) => [column, columnOf(cellsOf(i), declaredKind(view, column))]));
}

/** @param otherwise what it is when every cell is null */
function columnOf(cells: readonly EventCell[], otherwise: Kind): ColumnData {
  const kinds = new Set(cells.filter((cell) => cell !== null).map(kindOf));
  const valid = cells.includes(null) ? Uint8Array.from(cells, (cell) => (cell === null ? 0 : 1)) : undefined;
  const nulls = valid === undefined ? {} : { valid };
  const numeric = [...kinds].every((kind) => kind === "number" || kind === "bigint");
  if (kinds.size === 0) return emptyColumn(otherwise, cells.length, nulls);
  if (numeric && !kinds.has("number")) {
    return fromInt64(
      BigInt64Array.from(cells, (cell) => (cell ?? 0n) as bigint),
      valid,
    );
  }
  if (numeric) {
    const values = Float64Array.from(cells, (cell) => Number(cell ?? 0));
    return { kind: "number", values, integer: values.every(Number.isSafeInteger), ...nulls };
  }
  if (kinds.size > 1) {
    // Only distinct values are counted of a column that is declared nowhere: a number and its text are two.
    return strings(
      cells.map((cell) => (cell === null ? null : `${kindOf(cell)} ${cell instanceof Instant ? cell.micros : cell}`)),
      nulls,
    );
  }
  if (kinds.has("vector"))
    return { kind: "vector", values: cells.map((cell) => (cell ?? noNumbers) as Float32Array), ...nulls };
  if (kinds.has("boolean"))
    return { kind: "boolean", values: Uint8Array.from(cells, (cell) => (cell === true ? 1 : 0)), ...nulls };
  if (kinds.has("string")) return strings(cells as readonly (string | null)[], nulls);
  const values = Float64Array.from(cells, (cell) => (cell instanceof Instant ? cell.micros : 0));
  return { kind: "time", values, naive: false, ...nulls };
}

function emptyColumn(kind: Kind, rows: number, nulls: { readonly valid?: Uint8Array }): ColumnData {
  if (kind === "string") return { kind, values: new Int32Array(rows), dictionary: [], ...nulls };
  if (kind === "boolean") return { kind, values: new Uint8Array(rows), ...nulls };
  if (kind === "vector") return { kind, values: Array.from({ length: rows }, () => noNumbers), ...nulls };
  if (kind === "time") return { kind, values: new Float64Array(rows), naive: false, ...nulls };
  return { kind: "number", values: new Float64Array(rows), integer: true, ...nulls };
}

function strings(cells: readonly (string | null)[], nulls: { readonly valid?: Uint8Array }): ColumnData {
  const codes = new Map<string, number>();
  const values = Int32Array.from(cells, (cell) => {
    if (cell === null) return 0;
    const code = codes.get(cell) ?? codes.size;
    codes.set(cell, code);
    return code;
  });
  return { kind: "string", values, dictionary: [...codes.keys()], ...nulls };
}

function kindOf(cell: EventCell): Kind {
  if (cell instanceof Float32Array) return "vector";
  return cell instanceof Instant ? "time" : (typeof cell as Kind);
}

const noNumbers = new Float32Array(0);

const kinds = { string: "string", boolean: "boolean", timestamp: "time" } as const;

/** Aggregates that take columns of every kind. */
const anyKind: ReadonlySet<string> = new Set(["countDistinct", "approxCountDistinct"]);

function declaredKind(view: FeatureView, column: string): Kind {
  for (const feature of Object.values(view.features)) {
    if (feature.kind === "column") {
      if (feature.column !== column) continue;
      if (dimensionsOf(feature.type) !== undefined) return "vector";
      return kinds[feature.type as keyof typeof kinds] ?? "number";
    }
    const { of } = feature;
    if (of.aggregate === "share") {
      const type = typeof of.predicate.value;
      if (of.predicate.column === column && type !== "number") return type as Kind;
    } else if (of.aggregate !== "count" && !anyKind.has(of.aggregate) && of.column === column) {
      return kinds[of.type as keyof typeof kinds] ?? "number";
    }
  }
  return "number";
}
