import type { RecordBatch } from "apache-arrow";
import { arrowSchema } from "./arrow-type.ts";
import { batchOf, dataOf } from "./batch.ts";
import type { ColumnType, Value } from "./column-type.ts";

/** Columns of plain values, all of one length. */
export type PlainColumns = Readonly<Record<string, readonly [type: ColumnType, values: readonly (Value | null)[]]>>;

/** An Arrow batch of plain values: `batchFrom({ origin: ["string", ["JFK"]], delay: ["long", [5n]] })`. @throws VALUE_INVALID */
export function batchFrom(columns: PlainColumns): RecordBatch {
  const entries = Object.entries(columns);
  const rows = entries[0]?.[1][1].length ?? 0;
  const uneven = entries.find(([, [, values]]) => values.length !== rows);
  if (uneven !== undefined) throw new RangeError(`the column "${uneven[0]}" is not ${rows} values long`);
  const schema = arrowSchema(entries.map(([name, [type]]) => [name, type] as const));
  return batchOf(
    schema,
    entries.map(([, [type, values]]) => dataOf(type, values)),
    rows,
  );
}
