import { type Data, Field, Int64, type RecordBatch, Schema, TimestampMicrosecond, Utf8 } from "apache-arrow";
import { batchOf } from "../parquet/batch.ts";
import { dataOf } from "../parquet/data-of.ts";
import type { Inspected } from "./inspection.ts";

/** What the quarantine keeps beside a row. */
export interface QuarantineFacts {
  /** The version of the table when the rows came; -1 before the first. */
  readonly version: number;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Whose write it was. */
  readonly run: string;
}

/** The columns that a quarantine has beside those of its table. */
export const quarantineFields: readonly Field[] = [
  new Field("_reason", new Utf8(), true),
  new Field("_reasons", new Utf8(), true),
  new Field("_version", new Int64(), true),
  new Field("_quarantined_at", new TimestampMicrosecond("UTC"), true),
  new Field("_run", new Utf8(), true),
];

/** Rows as the quarantine keeps them: with the first reason, all of them as JSON, version, time and run. */
export function quarantineBatch(
  { rows, reasons }: NonNullable<Inspected["quarantined"]>,
  { version, now, run }: QuarantineFacts,
): RecordBatch {
  const count = rows.numRows;
  const same = <Item>(value: Item): Item[] => Array.from({ length: count }, () => value);
  const facts = [
    dataOf(
      "string",
      reasons.map((all) => all[0] ?? ""),
    ),
    dataOf(
      "string",
      reasons.map((all) => JSON.stringify(all)),
    ),
    dataOf("long", same(BigInt(version))),
    dataOf("timestamp", same(BigInt(Math.trunc(now)) * 1000n)),
    dataOf("string", same(run)),
  ];
  const schema = new Schema([...rows.schema.fields, ...quarantineFields]);
  return batchOf(schema, [...(rows.data.children as Data[]), ...facts], count);
}
