import type { RecordBatch } from "apache-arrow";
import { storageError } from "../errors.ts";
import { takeRows } from "../parquet/batch.ts";
import type { Predicate } from "../parquet/predicate.ts";
import type { AddFile } from "./actions.ts";
import { type Base, change, type ChangeOptions, removeOf } from "./change.ts";
import { predicateText } from "./delete.ts";
import { fileMatcher } from "./file-match.ts";
import { concatenated } from "./merge-source.ts";
import { partitionReader } from "./overwrite.ts";
import { countRows, defaultFileSize, readOf, rowsForSize, type TouchedFile, wholeFile } from "./rewrite.ts";
import type { LakeContext, Stage } from "./stage.ts";
import { assertClusterable, type Clustering, clusteredRows } from "./z-order.ts";

export interface OptimizeOptions extends ChangeOptions {
  /** Only files that may hold matching rows, by partitions and statistics. @default every file */
  readonly where?: Predicate;
  /** Bytes that a file is to have, about. @default 128 MiB */
  readonly targetSize?: number;
  /** Sorts the rows of each partition by these columns. Not with `zOrderBy`. @default the order as it is */
  readonly sortBy?: readonly string[];
  /** Lays the rows of each partition out on a Z-order curve, so that each of these columns prunes files. @default none */
  readonly zOrderBy?: readonly string[];
  /** Bytes of files that are clustered together, in memory, where they take some twenty times that. @default 128 MiB */
  readonly clusterSize?: number;
}

export interface OptimizeCounts {
  readonly filesAdded: number;
  readonly filesRemoved: number;
  readonly bytesAdded: number;
  readonly bytesRemoved: number;
}

export type OptimizeResult = { readonly version: number } & OptimizeCounts;

const names = {
  filesAdded: "numAddedFiles",
  filesRemoved: "numRemovedFiles",
  bytesAdded: "numAddedBytes",
  bytesRemoved: "numRemovedBytes",
} as const;

/** How the rows of a file are laid out; a partition that is so already is left alone. */
const clusteredTag = "ashlar.clusteredBy";

/** Rewrites files without changing a row. See `LakeTable.optimize`. */
export async function optimize(
  target: { readonly context: LakeContext; readonly name: string },
  options: OptimizeOptions,
): Promise<OptimizeResult> {
  const { context } = target;
  const { where = {}, targetSize = defaultFileSize } = options;
  assertSize("targetSize", targetSize);
  assertSize("clusterSize", options.clusterSize ?? 1);
  return change<OptimizeCounts & Record<string, number>>(target, options, names, async (base) => {
    const clustering = clusteringOf(base, options);
    const groups = groupsOf(base, options, clustering);
    const removed: TouchedFile[] = [];
    const added: AddFile[] = [];
    for (const group of groups) {
      const files = await Promise.all(
        group.map(async (file) => {
          const rows = await countRows(context, base.state, file);
          return { file, rows, matched: rows };
        }),
      );
      removed.push(...files);
      added.push(...(await rewriteGroup(context, base, files, targetSize, clustering)));
    }
    const bytes = (files: readonly AddFile[]): number => files.reduce((sum, file) => sum + file.size, 0);
    const predicate = predicateText(where);
    return {
      operation: "OPTIMIZE",
      parameters: { predicate: JSON.stringify([predicate]), zOrderBy: JSON.stringify(options.zOrderBy ?? []) },
      metrics: {
        filesAdded: added.length,
        filesRemoved: removed.length,
        bytesAdded: bytes(added),
        bytesRemoved: bytes(removed.map(({ file }) => file)),
      },
      actions: [
        ...removed.map(({ file }) => ({ remove: removeOf(file, base.now, false) })),
        ...added.map((add) => ({ add })),
      ],
      read: readOf(removed, where),
      dataChange: false,
    };
  });
}

function assertSize(option: string, value: number): void {
  if (value > 0) return;
  throw storageError("OPTION_INVALID", { option, value: String(value), rule: "it must be a number of bytes above 0" });
}

function clusteringOf({ definition }: Base, { sortBy, zOrderBy }: OptimizeOptions): Clustering | undefined {
  if (sortBy !== undefined && zOrderBy !== undefined) {
    const rule = "rows have one order: give either sortBy or zOrderBy";
    throw storageError("OPTION_INVALID", { option: "sortBy", value: JSON.stringify(sortBy), rule });
  }
  const columns = sortBy ?? zOrderBy;
  if (columns === undefined) return undefined;
  assertClusterable(sortBy === undefined ? "zOrderBy" : "sortBy", definition.columns, definition.partitionBy, columns);
  return { kind: sortBy === undefined ? "z-order" : "sort", columns };
}

/** The files that are written anew together: each group of one partition. */
function groupsOf(base: Base, options: OptimizeOptions, clustering: Clustering | undefined): AddFile[][] {
  const { where = {}, targetSize = defaultFileSize, clusterSize = defaultFileSize } = options;
  const matches = fileMatcher(base.definition, where);
  const partitionOf = partitionReader(base.definition);
  const partitions = Map.groupBy([...base.state.files.values()].filter(matches), partitionOf);
  return [...partitions.values()].flatMap((files) => {
    if (clustering === undefined)
      return packed(
        files.filter((file) => isPoor(file, targetSize)),
        targetSize,
      );
    const done = files.every((file) => file.tags?.[clusteredTag] === tagOf(clustering) && !hasDeletedRows(file));
    return done ? [] : bins(files, clusterSize);
  });
}

/** Bins of which something is gained: several files, or one with deleted rows in it. */
function packed(files: readonly AddFile[], targetSize: number): AddFile[][] {
  return bins(files, targetSize).filter((bin) => bin.length > 1 || bin.some(hasDeletedRows));
}

/** A file near the size that is asked for is good enough: writing it anew would gain little. */
function isPoor(file: AddFile, targetSize: number): boolean {
  return file.size < targetSize * 0.75 || hasDeletedRows(file);
}

const hasDeletedRows = ({ deletionVector }: AddFile): boolean => (deletionVector?.cardinality ?? 0) > 0;

/** Neighbours together, up to a size. */
function bins(files: readonly AddFile[], size: number): AddFile[][] {
  const made: AddFile[][] = [];
  let left = 0;
  for (const file of files) {
    if (made.length === 0 || file.size > left) {
      made.push([]);
      left = size;
    }
    made.at(-1)?.push(file);
    left -= file.size;
  }
  return made;
}

const tagOf = ({ kind, columns }: Clustering): string => `${kind}:${columns.join(",")}`;

async function rewriteGroup(
  context: LakeContext,
  base: Base,
  files: readonly TouchedFile[],
  targetSize: number,
  clustering: Clustering | undefined,
): Promise<readonly AddFile[]> {
  const { columns, partitionBy } = base.definition;
  const tags = clustering === undefined ? {} : { tags: { [clusteredTag]: tagOf(clustering) } };
  const fileRows = rowsForSize(files, targetSize);
  const stage = base.stages.open({ columns, partitionBy, dataChange: false, fileRows, ...tags });
  const batches = rowsOf(context, base, files);
  if (clustering === undefined) for await (const batch of batches) await stage.write(batch, base.signal);
  else await writeClustered(base, stage, batches, fileRows, clustering);
  return stage.finish(base.signal);
}

async function* rowsOf(context: LakeContext, base: Base, files: readonly TouchedFile[]): AsyncGenerator<RecordBatch> {
  for (const { file } of files) yield* wholeFile(context, base, file);
}

async function writeClustered(
  { definition, signal }: Base,
  stage: Stage,
  batches: AsyncIterable<RecordBatch>,
  fileRows: number,
  clustering: Clustering,
): Promise<void> {
  const parts: RecordBatch[] = [];
  for await (const batch of batches) parts.push(batch);
  const all = concatenated(definition.columns, parts);
  const rows = clusteredRows(all, clustering);
  const step = Math.min(65_536, fileRows);
  for (let start = 0; start < rows.length; start += step) {
    await stage.write(takeRows(all, rows.subarray(start, start + step)), signal);
  }
}
