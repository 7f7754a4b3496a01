import type { Inspection } from "../expect/inspection.ts";
import type { ColumnType } from "../parquet/column-type.ts";
import { typesOf } from "../parquet/footer.ts";
import type { ColumnCheck, CopiedFile, ParquetCodec } from "../parquet/port.ts";
import { testsOf } from "../parquet/predicate.ts";
import { physicalName } from "./column-mapping.ts";
import type { OpenParquetFiles } from "./parquet-files.ts";
import { fitsColumn } from "./schema-type.ts";
import { arrowOf, type TableColumn, typesByName } from "./schema.ts";
import type { Stage } from "./stage.ts";
import { statisticsText } from "./statistics.ts";

export interface TransferPlan {
  readonly columns: readonly TableColumn[];
  readonly partitionBy: readonly string[];
  readonly inspected: Inspection;
  readonly signal: AbortSignal | undefined;
}

/**
 * Has the codec copy files into the stage. False, and nothing is staged, when the codec cannot, or when a row has to be
 * looked at: one that breaks an expectation, say, which then fails or is set aside as any other row.
 */
export async function transfer(
  codec: ParquetCodec,
  files: OpenParquetFiles,
  good: Stage,
  { columns, partitionBy, inspected, signal }: TransferPlan,
): Promise<boolean> {
  const checks = checksOf(columns, inspected);
  if (codec.copy === undefined || checks === undefined || !fit(columns, partitionBy, files)) return false;
  const plan = { sources: files.sources, schema: arrowOf(columns), partitionBy, checks };
  await using copy = await codec.copy({ ...plan, ...(signal ? { signal } : {}) });
  if (copy === undefined || !copy.files.every((file) => isNamed(columns, file))) return false;
  for (const file of copy.files) {
    const values = Object.fromEntries(file.partition);
    const stats = statisticsText(file.rows, typesByName(columns), file.columns);
    good.add({ values, rows: file.rows, body: file.body, stats });
  }
  // The bodies are gone with the copy.
  await good.finish(signal);
  inspected.accept(good.rows);
  return true;
}

/** What every row must satisfy; undefined when something of it is not a condition on a column. */
function checksOf(columns: readonly TableColumn[], { checks }: Inspection): readonly ColumnCheck[] | undefined {
  const required = columns.filter(({ nullable }) => !nullable);
  const present = testsOf(
    Object.fromEntries(required.map(({ name }) => [name, { null: false }])),
    typesByName(columns),
  );
  return checks && [...present.map((test) => ({ test, nullPasses: false })), ...checks];
}

const named: ReadonlySet<ColumnType> = new Set<ColumnType>([
  "string",
  "byte",
  "short",
  "integer",
  "long",
  "boolean",
  "date",
]);

/** Whether the files have the table's columns and no others, as the codec can copy them. */
function fit(
  columns: readonly TableColumn[],
  partitionBy: readonly string[],
  { readers }: Pick<OpenParquetFiles, "readers">,
): boolean {
  if (columns.some((column) => physicalName(column) !== column.name || typeof column.type !== "string")) return false;
  if (!columns.every(({ name, type }) => !partitionBy.includes(name) || named.has(type))) return false;
  return readers.every(({ schema }) => {
    const types = typesOf(schema);
    const fits = ({ name, type }: TableColumn): boolean => fitsColumn(types.get(name) ?? "binary", type);
    return types.size === columns.length && columns.every((column) => types.has(column.name) && fits(column));
  });
}

/** Whether the partition of a file has a name in Delta: no empty string, and no date beyond the years of four digits. */
function isNamed(columns: readonly TableColumn[], { partition }: CopiedFile): boolean {
  return [...partition].every(([name, value]) => {
    const type = columns.find((column) => column.name === name)?.type;
    return value !== "" && (value === null || type !== "date" || /^\d{4}-\d\d-\d\d$/.test(value));
  });
}
