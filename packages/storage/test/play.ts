import { batchFrom, type LakeTable } from "@ashlar/storage/lake";
import type { RecordBatch } from "apache-arrow";
import { columnsOf } from "../src/parquet/column.ts";
import type { HistoryOperation, HistoryRow, HistoryRows } from "./history.ts";

/** Rows as a batch; `extra` stands in it only where a table is to learn of it. */
export function batchOfRows(rows: HistoryRows, withExtra: boolean): RecordBatch {
  return batchFrom({
    id: ["long", rows.map(({ id }) => id)],
    part: ["string", rows.map(({ part }) => part)],
    name: ["string", rows.map(({ name }) => name)],
    score: ["double", rows.map(({ score }) => score)],
    ...(withExtra ? { extra: ["long", rows.map(({ extra }) => extra)] as const } : {}),
  });
}

/** Does an operation to a table and answers the version that the table then has. */
export async function play(
  table: LakeTable,
  versions: readonly number[],
  operation: HistoryOperation,
): Promise<number> {
  const { version } = await played(table, versions, operation);
  return version;
}

async function played(
  table: LakeTable,
  versions: readonly number[],
  operation: HistoryOperation,
): Promise<{ readonly version: number }> {
  // Once a table has learnt of `extra`, only rows that may lack columns still fit without it.
  const rows = (given: HistoryRows): RecordBatch => batchOfRows(given, false);
  const lenient = { evolve: "add-columns" } as const;
  switch (operation.kind) {
    case "append":
      return table.append(batchOfRows(operation.rows, operation.evolve), lenient);
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
    case "vacuum":
      // Nothing is older than the retention: no version may lose a file.
      await table.vacuum();
      return { version: versions.at(-1) ?? 0 };
    case "restore":
      return table.restore({ version: versions[Math.max(0, versions.length - 1 - operation.back)] ?? 0 });
  }
}

/** The rows of a table at a version, in an order that does not depend on its files. */
export async function rowsAt(table: LakeTable, version?: number): Promise<string[]> {
  const rows: string[] = [];
  for await (const batch of table.scan(version === undefined ? {} : { version })) {
    const columns = new Map(columnsOf(batch).map((column) => [column.name, column]));
    const get = (name: keyof HistoryRow, row: number): unknown => columns.get(name)?.get(row) ?? null;
    for (let row = 0; row < batch.numRows; row++) {
      rows.push(textOf([get("id", row), get("part", row), get("name", row), get("score", row), get("extra", row)]));
    }
  }
  return rows.sort();
}

/** The same form, of plain rows. */
export function textsOf(rows: HistoryRows): string[] {
  return rows.map(({ id, part, name, score, extra }) => textOf([id, part, name, score, extra])).sort();
}

const textOf = (values: readonly unknown[]): string =>
  JSON.stringify(values.map((value) => (typeof value === "bigint" ? `${value}n` : value)));
