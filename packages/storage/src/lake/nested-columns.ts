import {
  type AsyncBuffer,
  type ColumnMetaData,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
} from "hyparquet";
import { checkedChunks } from "../parquet/page-check.ts";
import { isRecord } from "./schema.ts";

type SchemaTree = ReturnType<typeof parquetSchema>;
type Leaves = ReadonlyMap<string, readonly unknown[]>;

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
  const leaves = new Map<string, unknown[]>();
  const chunks = metadata.row_groups.flatMap((group) =>
    group.columns.flatMap(({ meta_data: chunk }) => (chunk ? [{ chunk, rows: Number(group.num_rows) }] : [])),
  );
  await parquetRead({
    ...(await checkedChunks(file, metadata.schema, chunks)),
    metadata,
    onPage({ pathInSchema, columnData, rowStart }) {
      const name = pathInSchema.join(".");
      let values = leaves.get(name);
      if (values === undefined) {
        leaves.set(name, (values = []));
        values.length = Number(whole.num_rows);
      }
      for (let i = 0; i < columnData.length; i++) values[rowStart + i] = columnData[i];
    },
  });
  const top = parquetSchema(whole).children;
  const found = top.filter((child) => child.element.name in wanted);
  const columns = found.flatMap((child) => {
    const accessor = accessorOf(child, leaves, 0);
    return accessor === undefined ? [] : [[child.element.name, accessor] as const];
  });
  const unread = top.filter((child) => !found.includes(child)).map(({ element }) => element.name);
  return { rows: Number(whole.num_rows), columns: new Map(columns), unread };
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
  if (repeated) return repeatedOf(node, leaves, inner);
  if (node.children.length > 0) return structOf(node, leaves, depth, inner);
  const values = leaves.get(node.path.join("."));
  return values && ((row) => plain(unwrap(values[row], depth)));
}

function structOf(node: SchemaTree, leaves: Leaves, depth: number, inner: number): Accessor | undefined {
  const fields = node.children.flatMap((child) => {
    const accessor = accessorOf(child, leaves, inner);
    return accessor === undefined ? [] : [[child.element.name, accessor] as const];
  });
  const inside = allLeaves(node).flatMap((leaf) => {
    const values = leaves.get(leaf.path.join("."));
    return values === undefined ? [] : [values];
  });
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
function isPresent(inside: readonly (readonly unknown[])[], row: number, depth: number): boolean {
  const values = inside.find((leaf) => leaf[row] !== undefined);
  const container = values && unwrap(values[row], depth);
  return Array.isArray(container) && container.length > 0;
}

/** A list, or a map when what repeats has a key and a value. */
function repeatedOf(node: SchemaTree, leaves: Leaves, depth: number): Accessor | undefined {
  const [key, value] = allLeaves(node);
  const keys = key && leaves.get(key.path.join("."));
  if (keys === undefined) return undefined;
  if (value === undefined) {
    return (row) => {
      const items = unwrap(keys[row], depth);
      return Array.isArray(items) ? items.map(plain) : undefined;
    };
  }
  const values = leaves.get(value.path.join("."));
  return (row) => {
    const names = unwrap(keys[row], depth);
    if (!Array.isArray(names)) return undefined;
    const items = unwrap(values?.[row], depth);
    const record: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) record[String(names[i])] = (Array.isArray(items) ? items[i] : null) ?? null;
    return record;
  };
}

const allLeaves = (node: SchemaTree): SchemaTree[] =>
  node.children.length === 0 ? [node] : node.children.flatMap(allLeaves);

/** hyparquet wraps a value once for each optional group above it; an absent group is an empty list. */
function unwrap(value: unknown, depth: number): unknown {
  let inner = value;
  for (let i = 0; i < depth; i++) inner = Array.isArray(inner) ? inner[0] : undefined;
  return inner;
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value === null || isRecord(value)) return undefined;
  return value;
}
