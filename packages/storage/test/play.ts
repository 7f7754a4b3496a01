import { batchFrom, columnTypeOf, type LakeTable } from "@ashlar/storage/lake";
import { Field, Int64, type RecordBatch } from "apache-arrow";
import { columnsOf } from "../src/parquet/column.ts";
import {
  countTypes,
  type HistoryOperation,
  type HistoryRow,
  type HistoryRows,
  type HistoryShape,
  type HistoryState,
  withCounts,
} from "./history.ts";

/** Rows as a batch; `extra` stands in it only where a table is to learn of it. */
function batchOfRows(rows: HistoryRows, { title, width }: HistoryShape, withExtra: boolean): RecordBatch {
  const type = countTypes[width] ?? "long";
  const counts = rows.map(({ count }) => (count === null || type !== "long" ? count : BigInt(count)));
  return batchFrom({
    id: ["long", rows.map(({ id }) => id)],
    part: ["string", rows.map(({ part }) => part)],
    [title ? "title" : "name"]: ["string", rows.map(({ name }) => name)],
    score: ["double", rows.map(({ score }) => score)],
    count: [type, counts],
    ...(withExtra ? { extra: ["long", rows.map(({ extra }) => extra)] as const } : {}),
  });
}

/** Does an operation to a table and answers the version that the table then has. */
export async function play(
  table: LakeTable,
  versions: readonly number[],
  shape: HistoryShape,
  operation: HistoryOperation,
): Promise<number> {
  const { version } = await played(table, versions, shape, withCounts(shape, named(shape, operation)));
  return version;
}

/** The operation by what a column is called. */
function named({ title }: HistoryShape, operation: HistoryOperation): HistoryOperation {
  const renamed = <Part extends object>(part: Part): Part => {
    const entries = Object.entries(part).map(([name, value]) => [name === "name" && title ? "title" : name, value]);
    return Object.fromEntries(entries) as Part;
  };
  switch (operation.kind) {
    case "update":
      return { ...operation, where: renamed(operation.where), set: renamed(operation.set) };
    case "delete":
    case "replaceWhere":
      return { ...operation, where: renamed(operation.where) };
    default:
      return operation;
  }
}

async function played(
  table: LakeTable,
  versions: readonly number[],
  shape: HistoryShape,
  operation: HistoryOperation,
): Promise<{ readonly version: number }> {
  // Once a table has learnt of `extra`, only rows that may lack columns still fit without it.
  const rows = (given: HistoryRows): RecordBatch => batchOfRows(given, shape, false);
  const lenient = { evolve: "add-columns" } as const;
  const unchanged = { version: versions.at(-1) ?? 0 };
  switch (operation.kind) {
    case "append":
      // A table that maps its columns does not learn new ones from rows.
      if (operation.evolve && shape.mapped && !shape.extra) await table.alter({ add: [extra] });
      return table.append(batchOfRows(operation.rows, shape, operation.evolve), lenient);
    case "overwrite":
      return table.overwrite(rows(operation.rows), lenient);
    case "replaceWhere":
      return table.overwrite(rows(operation.rows), { ...lenient, where: operation.where });
    case "replaceTouched":
      return table.overwrite(rows(operation.rows), { ...lenient, partitions: "touched" });
    case "delete":
    case "update":
      return operation.kind === "delete" ? table.delete(operation) : table.update(operation);
    case "merge":
      return table.merge(rows(operation.rows), { ...operation, on: ["id"] });
    case "optimize":
      return table.optimize({
        ...(operation.order === "sort" ? { sortBy: ["score", "id"] } : {}),
        ...(operation.order === "z-order" ? { zOrderBy: ["id", "score"] } : {}),
      });
    case "rename":
      return table.alter({ rename: shape.title ? { from: "title", to: "name" } : { from: "name", to: "title" } });
    case "widen": {
      const type = countTypes[shape.width + 1];
      return type === undefined ? unchanged : table.alter({ widen: { column: "count", type } });
    }
    case "add column":
      return shape.extra ? unchanged : table.alter({ add: [extra] });
    case "drop column":
      return shape.extra ? table.alter({ drop: "extra" }) : unchanged;
    case "vacuum":
      // Nothing is older than the retention: no version may lose a file.
      await table.vacuum();
      return unchanged;
    case "restore":
      return table.restore({ version: versions[Math.max(0, versions.length - 1 - operation.back)] ?? 0 });
  }
}

const extra = new Field("extra", new Int64(), true);

/** Names and types of the columns of a table at a version. */
export async function columnsAt(table: LakeTable, version?: number): Promise<string[]> {
  const { schema } = await table.snapshot(version === undefined ? {} : { version });
  return schema.fields.map((field) => `${field.name} ${String(columnTypeOf(field))}`);
}

/** The same, of the oracle. */
export function columnsOfShape({ title, width, extra: isThere }: HistoryShape): string[] {
  const columns = ["id long", "part string", `${title ? "title" : "name"} string`, "score double"];
  return [...columns, `count ${countTypes[width] ?? "long"}`, ...(isThere ? ["extra long"] : [])];
}

/** The rows of a table at a version, in an order that does not depend on its files. */
export async function rowsAt(table: LakeTable, version?: number): Promise<string[]> {
  const rows: string[] = [];
  for await (const batch of table.scan(version === undefined ? {} : { version })) {
    const columns = new Map(columnsOf(batch).map((column) => [column.name, column]));
    const get = (name: keyof HistoryRow | "title", row: number): unknown => columns.get(name)?.get(row) ?? null;
    for (let row = 0; row < batch.numRows; row++) {
      const [name, count] = [get("name", row) ?? get("title", row), get("count", row)];
      const number = count === null ? null : Number(count);
      rows.push(rowText([get("id", row), get("part", row), name, get("score", row), number, get("extra", row)]));
    }
  }
  return rows.sort();
}

/** The same form, of plain rows. */
export function textsOf({ rows }: Pick<HistoryState, "rows">): string[] {
  return rows
    .map(({ id, part, name, score, count, extra: more }) => rowText([id, part, name, score, count, more]))
    .sort();
}

/** Of id, part, name, score, count and extra. */
export const rowText = (values: readonly unknown[]): string =>
  JSON.stringify(values.map((value) => (typeof value === "bigint" ? `${value}n` : value)));
