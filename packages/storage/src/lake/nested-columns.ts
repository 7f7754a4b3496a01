import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetRead, parquetSchema } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { isRecord } from "./schema.ts";

type SchemaTree = ReturnType<typeof parquetSchema>;
type Leaves = ReadonlyMap<string, readonly unknown[]>;

/** Gives the value of one row: records without their absent fields, maps as records, lists as arrays. */
export type Accessor = (row: number) => unknown;

export interface NestedColumns {
  readonly rows: number;
  /** By the names of the top-level columns that were asked for and are there. */
  readonly columns: ReadonlyMap<string, Accessor>;
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
  const metadata = withColumns(whole, isWanted);
  const leaves = new Map<string, unknown[]>();
  await parquetRead({
    file,
    metadata,
    compressors,
    onPage({ pathInSchema, columnData, rowStart }) {
      const name = pathInSchema.join(".");
      let values = leaves.get(name);
      if (values === undefined) leaves.set(name, (values = []));
      for (let i = 0; i < columnData.length; i++) values[rowStart + i] = columnData[i];
    },
  });
  const found = parquetSchema(whole).children.filter((child) => child.element.name in wanted);
  const columns = found.flatMap((child) => {
    const accessor = accessorOf(child, leaves, 0);
    return accessor === undefined ? [] : [[child.element.name, accessor] as const];
  });
  return { rows: Number(whole.num_rows), columns: new Map(columns) };
}

function withColumns(metadata: FileMetaData, isWanted: (path: readonly string[]) => boolean): FileMetaData {
  const groups = metadata.row_groups.map((group) => ({
    ...group,
    columns: group.columns.filter((column) => isWanted(column.meta_data?.path_in_schema ?? [])),
  }));
  return { ...metadata, row_groups: groups };
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
  const first = firstLeaf(node, leaves);
  if (first === undefined || fields.length === 0) return undefined;
  return (row) => {
    const container = unwrap(first[row], depth);
    if (inner > depth && !(Array.isArray(container) && container.length > 0)) return undefined;
    const record: Record<string, unknown> = {};
    for (const [name, accessor] of fields) {
      const value = accessor(row);
      if (value !== undefined) record[name] = value;
    }
    return record;
  };
}

/** A list, or a map when what repeats has a key and a value. */
function repeatedOf(node: SchemaTree, leaves: Leaves, depth: number): Accessor | undefined {
  const [keys, values] = allLeaves(node).flatMap((leaf) => {
    const found = leaves.get(leaf.path.join("."));
    return found === undefined ? [] : [found];
  });
  if (keys === undefined) return undefined;
  if (values === undefined) {
    return (row) => {
      const items = unwrap(keys[row], depth);
      return Array.isArray(items) ? items.map(plain) : undefined;
    };
  }
  return (row) => {
    const names = unwrap(keys[row], depth);
    if (!Array.isArray(names)) return undefined;
    const items = unwrap(values[row], depth) as readonly unknown[];
    const record: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) record[String(names[i])] = items[i] ?? null;
    return record;
  };
}

const allLeaves = (node: SchemaTree): SchemaTree[] =>
  node.children.length === 0 ? [node] : node.children.flatMap(allLeaves);

function firstLeaf(node: SchemaTree, leaves: Leaves): readonly unknown[] | undefined {
  for (const leaf of allLeaves(node)) {
    const values = leaves.get(leaf.path.join("."));
    if (values !== undefined) return values;
  }
  return undefined;
}

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
