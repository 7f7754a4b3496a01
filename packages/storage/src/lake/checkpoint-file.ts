import type { RowGroup, SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { writeMetadata } from "hyparquet-writer/src/metadata.js";
import { pageCompressors } from "../parquet/compress.ts";
import type { Action } from "./actions.ts";
import { checkpointColumns, rareFields } from "./checkpoint-schema.ts";

const magic = new TextEncoder().encode("PAR1");

/** Actions that were encoded together: the bytes of a row group, and what a footer says of it, wherever it stands. */
export interface EncodedGroup {
  readonly rows: number;
  readonly bytes: Uint8Array;
  /** Its offsets count from the beginning of the bytes. */
  readonly group: RowGroup;
  readonly schema: CheckpointSchema;
}

/** The schema of a checkpoint, all groups of which must have the same. */
export interface CheckpointSchema {
  /** Fields that few tables have, as `add.tags`. */
  readonly rare: ReadonlySet<string>;
}

/** The schema with what the actions need; the same one when it has all. */
export function widenedSchema(schema: CheckpointSchema, actions: readonly Action[]): CheckpointSchema {
  const missing = [...rareFields(actions)].filter((field) => !schema.rare.has(field));
  return missing.length === 0 ? schema : { rare: new Set([...schema.rare, ...missing]) };
}

/** One row group, with one action per row. */
export function encodeGroup(actions: readonly Action[], schema: CheckpointSchema): EncodedGroup {
  const columns = checkpointColumns(actions, schema.rare);
  const bytes = new ByteWriter();
  const file = new ParquetWriter({
    writer: bytes,
    schema: elements(columns),
    codec: "ZSTD",
    compressors: pageCompressors,
    // Readers learn from the null counts which columns of a row group they need not decode.
    statistics: true,
  });
  const columnData = columns.map(({ name, data }) => ({ name, data, offsetIndex: false }));
  // A writer into memory is done when it returns.
  void file.write({ columnData, rowGroupSize: Math.max(1, actions.length) });
  const [group] = file.row_groups;
  if (group === undefined) throw new RangeError("a row group has no rows");
  const start = magic.byteLength;
  return { rows: actions.length, bytes: bytes.getBytes().slice(start), group: moved(group, -start), schema };
}

/** A Parquet file of row groups. */
export function assemble(groups: readonly EncodedGroup[], { rare }: CheckpointSchema): Uint8Array {
  const parts: Uint8Array[] = [magic];
  const placed: RowGroup[] = [];
  let end = magic.byteLength;
  for (const { bytes, group } of groups) {
    parts.push(bytes);
    placed.push(moved(group, end));
    end += bytes.byteLength;
  }
  const footer = new ByteWriter();
  const rows = groups.reduce((sum, group) => sum + BigInt(group.rows), 0n);
  const schema = elements(checkpointColumns([], rare));
  const metadata = { version: 2, created_by: "ashlar-storage", schema, num_rows: rows, row_groups: placed };
  writeMetadata(footer, { ...metadata, metadata_length: 0 });
  return Buffer.concat([...parts, footer.getBytes(), magic]);
}

const elements = (columns: ReturnType<typeof checkpointColumns>): SchemaElement[] => [
  { name: "spark_schema", num_children: columns.length },
  ...columns.flatMap((column) => column.schema),
];

/** The same group, further on in a file. */
function moved(group: RowGroup, by: number): RowGroup {
  const shift = BigInt(by);
  const columns = group.columns.map((column) => {
    const { meta_data: chunk } = column;
    if (chunk === undefined) return column;
    const { data_page_offset: data, dictionary_page_offset: dictionary } = chunk;
    const pages = {
      data_page_offset: data + shift,
      ...(dictionary === undefined ? {} : { dictionary_page_offset: dictionary + shift }),
    };
    return { ...column, file_offset: column.file_offset + shift, meta_data: { ...chunk, ...pages } };
  });
  return { ...group, columns };
}
