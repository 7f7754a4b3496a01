import {
  type AsyncBuffer,
  type ColumnMetaData,
  type FileMetaData,
  parquetMetadataAsync,
  parquetSchema,
} from "hyparquet";
import { emptyLeaf, type LeafColumn, LeafReader } from "../parquet/leaf-column.ts";
import { checkedChunks } from "../parquet/page-check.ts";

type SchemaTree = ReturnType<typeof parquetSchema>;
type Leaves = ReadonlyMap<string, LeafColumn>;

/** Gives the value of one row: records without their absent fields, maps as records, lists as arrays. */
export type Accessor = (row: number) => unknown;

export interface NestedColumns {
  readonly rows: number;
  /** By the names of the top-level columns that were asked for and are there. */
  readonly columns: ReadonlyMap<string, Accessor>;
  /** The other top-level columns. */
  readonly unread: readonly string[];
}

/**
 * Reads nested columns of a Parquet file leaf by leaf, which is several times faster than as rows: a checkpoint of
 * 100,000 files has half a million cells, most of them absent.
 *
 * @param wanted by top-level column, the fields to read; the others are not decoded
 */
export async function readNested(
  file: AsyncBuffer,
  wanted: Readonly<Record<string, readonly string[]>>,
): Promise<NestedColumns> {
  const whole = await parquetMetadataAsync(file);
  const isWanted = ([top = "", field = ""]: readonly string[]): boolean => wanted[top]?.includes(field) === true;
  assertChunks(whole);
  const metadata = withColumns(whole, isWanted);
  const chunks = chunksOf(metadata);
  const checked = await checkedChunks(file, metadata.schema, chunks);
  const reader = new LeafReader(checked.file, metadata, checked.compressors);
  const leaves = new Map<string, LeafColumn>();
  for (const chunk of chunks) {
    const name = chunk.chunk.path_in_schema.join(".");
    const leaf = leaves.get(name) ?? emptyLeaf(Number(whole.num_rows));
    leaves.set(name, leaf);
    await reader.read(chunk, leaf);
  }
  const top = parquetSchema(whole).children;
  const found = top.filter((child) => child.element.name in wanted);
  const columns = found.flatMap((child) => {
    const accessor = accessorOf(child, leaves, 0);
    return accessor === undefined ? [] : [[child.element.name, accessor] as const];
  });
  const unread = top.filter((child) => !found.includes(child)).map(({ element }) => element.name);
  return { rows: Number(whole.num_rows), columns: new Map(columns), unread };
}

function chunksOf(metadata: FileMetaData): { readonly chunk: ColumnMetaData; firstRow: number; rows: number }[] {
  let firstRow = 0;
  return metadata.row_groups.flatMap((group) => {
    const place = { firstRow, rows: Number(group.num_rows) };
    firstRow += place.rows;
    return group.columns.flatMap(({ meta_data: chunk }) => (chunk === undefined ? [] : [{ chunk, ...place }]));
  });
}

/** A column whose chunk the footer has lost would be read as one without values. @throws RangeError */
function assertChunks(metadata: FileMetaData): void {
  const leaves = allLeaves(parquetSchema(metadata)).map(({ path }) => path.join("."));
  for (const { columns } of metadata.row_groups) {
    const chunks = new Set(columns.map(({ meta_data: chunk }) => chunk?.path_in_schema.join(".")));
    const lost = leaves.find((leaf) => !chunks.has(leaf));
    if (lost !== undefined) throw new RangeError(`a row group has no column "${lost}"`);
  }
}

/**
 * The metadata without the column chunks that need not be decoded: in a checkpoint most columns of a row group have no
 * value. A list or map whose values are all null may still be there, empty: those are left out with their whole action.
 */
function withColumns(metadata: FileMetaData, isWanted: (path: readonly string[]) => boolean): FileMetaData {
  const repeated = new Set(repeatedLeaves(parquetSchema(metadata), false));
  const groups = metadata.row_groups.map((group) => {
    const wanted = group.columns.flatMap(({ meta_data: chunk }) =>
      chunk !== undefined && isWanted(chunk.path_in_schema) ? [chunk] : [],
    );
    const filled = wanted.filter((chunk) => !repeated.has(chunk.path_in_schema.join(".")) && !isAbsent(chunk));
    const actions = new Set(filled.map((chunk) => chunk.path_in_schema[0]));
    const kept = new Set<ColumnMetaData>(filled);
    for (const chunk of wanted) {
      if (repeated.has(chunk.path_in_schema.join(".")) && actions.has(chunk.path_in_schema[0])) kept.add(chunk);
    }
    return {
      ...group,
      columns: group.columns.filter(({ meta_data: chunk }) => chunk !== undefined && kept.has(chunk)),
    };
  });
  return { ...metadata, row_groups: groups };
}

function repeatedLeaves(node: SchemaTree, inside: boolean): string[] {
  const repeats = inside || node.element.repetition_type === "REPEATED";
  if (node.children.length === 0) return repeats ? [node.path.join(".")] : [];
  return node.children.flatMap((child) => repeatedLeaves(child, repeats));
}

function isAbsent(chunk: ColumnMetaData): boolean {
  const nulls = chunk.statistics?.null_count;
  return nulls !== undefined && BigInt(nulls) === chunk.num_values;
}

/** Undefined where no leaf of the node was read. `depth` counts the optional groups above it. */
function accessorOf(node: SchemaTree, leaves: Leaves, depth: number): Accessor | undefined {
  const inner = depth + (node.element.repetition_type === "REQUIRED" ? 0 : 1);
  const repeated = node.children.length === 1 && node.children[0]?.element.repetition_type === "REPEATED";
  if (repeated) return repeatedOf(node, leaves);
  if (node.children.length > 0) return structOf(node, leaves, depth, inner);
  const leaf = leaves.get(node.path.join("."));
  return leaf && ((row) => leaf.values[row]);
}

function structOf(node: SchemaTree, leaves: Leaves, depth: number, inner: number): Accessor | undefined {
  const fields = node.children.flatMap((child) => {
    const accessor = accessorOf(child, leaves, inner);
    return accessor === undefined ? [] : [[child.element.name, accessor] as const];
  });
  const inside = allLeaves(node).flatMap((leaf) => leaves.get(leaf.path.join(".")) ?? []);
  if (inside.length === 0) return undefined;
  return (row) => {
    if (inner > depth && !isPresent(inside, row, depth)) return undefined;
    const record: Record<string, unknown> = {};
    for (const [name, accessor] of fields) {
      const value = accessor(row);
      if (value !== undefined) record[name] = value;
    }
    return record;
  };
}

/** Any leaf that was read tells whether the group is there. */
function isPresent(inside: readonly LeafColumn[], row: number, depth: number): boolean {
  for (const { levels } of inside) if ((levels[row] as number) > depth) return true;
  return false;
}

/** A list, or a map when what repeats has a key and a value. */
function repeatedOf(node: SchemaTree, leaves: Leaves): Accessor | undefined {
  const [key, value] = allLeaves(node);
  const keys = key && leaves.get(key.path.join("."))?.values;
  if (keys === undefined) return undefined;
  if (value === undefined) {
    return (row) => {
      const items = keys[row];
      return Array.isArray(items) ? items.map((item: unknown) => item ?? undefined) : undefined;
    };
  }
  const values = leaves.get(value.path.join("."))?.values;
  return (row) => {
    const names = keys[row];
    if (!Array.isArray(names)) return undefined;
    const items = values?.[row];
    const record: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++)
      put(record, String(names[i]), (Array.isArray(items) ? items[i] : null) ?? null);
    return record;
  };
}

/** An assignment to `__proto__`, which a column may be called, would be lost. */
function put(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") record[name] = value;
  else Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
}

const allLeaves = (node: SchemaTree): SchemaTree[] =>
  node.children.length === 0 ? [node] : node.children.flatMap(allLeaves);
