import { type Data, Field, makeData, RecordBatch, Schema, Struct } from "apache-arrow";
import type { FeatureColumn } from "../offline/feature-column.ts";

/** Columns of one length as an Arrow batch. */
export function toBatch(columns: readonly FeatureColumn[], length: number): RecordBatch {
  const children = columns.map((column) => column.toArrow());
  const schema = new Schema(columns.map(({ name }, i) => new Field(name, (children[i] as Data).type, true)));
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }));
}
