import { concatBytes } from "@ashlar/core";
import { type FileMetaData, parquetMetadata, parquetSchema, type RowGroup, type SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { writeMetadata } from "hyparquet-writer/src/metadata.js";
import { pageCompressors } from "../parquet/compress.ts";
import type { Action } from "./actions.ts";
import { checkpointColumns, isRare, rareFields } from "./checkpoint-schema.ts";

const magic = new TextEncoder().encode("PAR1");
const createdBy = "ashlar-storage";

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
  const metadata = { version: 2, created_by: createdBy, schema, num_rows: rows, row_groups: placed };
  writeMetadata(footer, { ...metadata, metadata_length: 0 });
  return concatBytes([...parts, footer.getBytes(), magic]);
}

const elements = (columns: ReturnType<typeof checkpointColumns>): SchemaElement[] => [
  { name: "spark_schema", num_children: columns.length },
  ...columns.flatMap((column) => column.schema),
];

/** A group of a file: of files that were added, of files that were removed, or of other actions. */
export interface FoundGroup extends EncodedGroup {
  readonly kind: "add" | "remove" | "other";
}

/** The groups of a file that `assemble` made; undefined for any other file, and where kinds are mixed in a group. */
export function disassemble(
  bytes: Uint8Array,
): { readonly schema: CheckpointSchema; readonly groups: readonly FoundGroup[] } | undefined {
  const own = new Uint8Array(bytes);
  const metadata = parquetMetadata(own.buffer);
  const schema = { rare: rareIn(metadata) };
  const expected = elements(checkpointColumns([], schema.rare));
  if (metadata.created_by !== createdBy || shapeOf(expected) !== shapeOf(metadata.schema)) return undefined;
  const groups: FoundGroup[] = [];
  let start = magic.byteLength;
  for (const group of metadata.row_groups) {
    const kind = kindOf(group);
    if (kind === undefined) return undefined;
    const end = start + Number(group.total_compressed_size);
    const part = { rows: Number(group.num_rows), bytes: own.subarray(start, end), group: moved(group, -start), schema };
    groups.push({ ...part, kind });
    start = end;
  }
  return { schema, groups };
}

function rareIn(metadata: FileMetaData): Set<string> {
  const fields = parquetSchema(metadata).children.flatMap((kind) => kind.children.map(({ path }) => path.join(".")));
  return new Set(fields.filter((field) => isRare(field)));
}

const shapeOf = (schema: readonly SchemaElement[]): string =>
  JSON.stringify(
    schema.map(({ name, type, repetition_type: repetition, num_children: children, converted_type: converted }) => [
      ...[name, type, repetition, converted].map((value) => value ?? null),
      children ?? 0,
    ]),
  );

function kindOf({ columns, num_rows: rows }: RowGroup): FoundGroup["kind"] | undefined {
  const absent = (kind: string): bigint => {
    const chunk = columns.find(({ meta_data: data }) => data?.path_in_schema.join(".") === `${kind}.path`);
    return BigInt(chunk?.meta_data?.statistics?.null_count ?? -1);
  };
  const [adds, removes] = [absent("add"), absent("remove")];
  if (adds === 0n && removes === rows) return "add";
  if (removes === 0n && adds === rows) return "remove";
  return adds === rows && removes === rows ? "other" : undefined;
}

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
