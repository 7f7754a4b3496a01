import { type Data, makeData, RecordBatch, type Schema, Struct } from "apache-arrow";
import { takeData } from "./take.ts";

export { constantData, dataOf } from "./data-of.ts";

/** A batch of columns that are all `rows` long. */
export function batchOf(schema: Schema, columns: readonly Data[], rows: number): RecordBatch {
  const type = new Struct(schema.fields);
  return new RecordBatch(schema, makeData({ type, length: rows, nullCount: 0, children: [...columns] }));
}

/** The given rows of a batch, in this order. A run of neighbours is a view; anything else is copied. */
export function takeRows(batch: RecordBatch, rows: Int32Array): RecordBatch {
  const first = rows[0] ?? 0;
  if (rows.length > 0 && rows[rows.length - 1] === first + rows.length - 1 && isRun(rows)) {
    return rows.length === batch.numRows ? batch : batch.slice(first, first + rows.length);
  }
  const taken = batch.schema.fields.map((_, i) => takeData(batch.data.children[i] as Data, rows));
  return batchOf(batch.schema, taken, rows.length);
}

function isRun(rows: Int32Array): boolean {
  for (let i = 1; i < rows.length; i++) if (rows[i] !== (rows[i - 1] ?? 0) + 1) return false;
  return true;
}
