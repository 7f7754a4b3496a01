import type { Data, RecordBatch } from "apache-arrow";
import { type FileMetaData, parquetScan } from "hyparquet";
import { batchOf, dataOf } from "./batch.ts";
import type { Value } from "./column-type.ts";
import type { FileNode } from "./file-schema.ts";
import { asyncBuffer, corrupt, type Footer, mayHoldMatch, project, typesOf } from "./footer.ts";
import { checkedChunks } from "./page-check.ts";
import type { ParquetScanOptions } from "./port.ts";
import { testsOf } from "./predicate.ts";
import { rowsOnly } from "./rows-only.ts";
import type { ParquetSource } from "./source.ts";

/** Streams the rows of a file, a batch for each row group, in JavaScript alone. */
export async function* scanInJavaScript(
  source: ParquetSource,
  footer: Footer,
  options: ParquetScanOptions,
): AsyncGenerator<RecordBatch> {
  const schema = project(footer.schema, options.columns);
  const tests = testsOf(options.where ?? {}, typesOf(footer.schema));
  if (schema.fields.length === 0) {
    return yield* rowsOnly(footer.rowGroups.filter((group) => mayHoldMatch(group, tests)));
  }
  const nodes = schema.fields.map(({ name }) => footer.columns.find((node) => node.name === name) as FileNode);
  const metadata = physical(footer.metadata);
  let rowStart = 0;
  for (const [index, group] of footer.rowGroups.entries()) {
    options.signal?.throwIfAborted();
    if (group.rows > 0 && mayHoldMatch(group, tests)) {
      const range = { rowStart, rowEnd: rowStart + group.rows };
      try {
        const columns = await readGroup(source, metadata, index, nodes, range);
        yield batchOf(schema, columns, group.rows);
      } catch (cause) {
        throw corrupt(source.name, cause);
      }
    }
    rowStart += group.rows;
  }
}

/** Without its annotations, the library gives the values as they stand in the file, and groups as plain objects. */
function physical(metadata: FileMetaData): FileMetaData {
  const schema = metadata.schema.map((element) => {
    const bare = { ...element };
    delete bare.converted_type;
    delete bare.logical_type;
    return bare;
  });
  return { ...metadata, schema };
}

const parsers = { timestampFromNanoseconds: (nanos: bigint): bigint => nanos };

async function readGroup(
  source: ParquetSource,
  metadata: FileMetaData,
  index: number,
  nodes: readonly FileNode[],
  range: { readonly rowStart: number; readonly rowEnd: number },
): Promise<Data[]> {
  const rows = range.rowEnd - range.rowStart;
  const data: Data[] = [];
  for (const node of nodes) {
    const chunks = (metadata.row_groups[index]?.columns ?? []).flatMap(({ meta_data: chunk }) =>
      chunk?.path_in_schema[0] === node.name ? [{ chunk, rows }] : [],
    );
    const checked = await checkedChunks(asyncBuffer(source), metadata.schema, chunks);
    const options = { ...checked, metadata, parsers, utf8: false, geoparquet: false };
    const open = await parquetScan({ ...options, ...range, columns: [node.name], useOffsetIndex: false });
    const values = await open.readColumn({ column: node.name, ...range });
    if (values.length !== rows) throw new RangeError(`its column "${node.name}" has ${values.length} of ${rows} rows`);
    data.push(columnData(node, values as ArrayLike<Physical>));
  }
  return data;
}

/** What the library gives: a primitive, or an object by the names in the file. */
type Physical = Value | null | undefined;

function columnData(node: FileNode, values: ArrayLike<Physical>): Data {
  if (node.kind === "leaf" && node.decode === undefined) return dataOf(node.type, values);
  const decoded = Array.from(values, (value) => valueOf(node, value));
  return dataOf(node.type, decoded);
}

function valueOf(node: FileNode, physical: Physical): Value | null {
  if (physical === null || physical === undefined) return null;
  switch (node.kind) {
    case "leaf":
      return node.decode === undefined ? physical : node.decode(physical as never);
    case "struct":
      return Object.fromEntries(node.fields.map((field) => [field.name, valueOf(field, part(physical, field.name))]));
    case "list": {
      const items = node.repeated === undefined ? physical : part(physical, node.repeated);
      return listOf(items).map((item) => valueOf(node.element, node.wrapped ? part(item, node.element.name) : item));
    }
    case "map":
      return listOf(part(physical, node.repeated)).map((pair) => [
        valueOf(node.key, part(pair, node.key.name)),
        valueOf(node.value, part(pair, node.value.name)),
      ]);
  }
}

const part = (group: Physical, name: string): Physical => (group as Readonly<Record<string, Physical>>)[name];

function listOf(items: Physical): readonly Physical[] {
  return Array.isArray(items) ? items : [];
}
