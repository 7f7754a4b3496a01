import { type RecordBatch, type Table } from "apache-arrow";
import { createHash } from "node:crypto";
import { tableToIPC } from "apache-arrow";

/**
 * Anything that yields Arrow record batches: a lake table, files, an iterator. The order of its rows is the order of
 * ingestion, which settles ties.
 */
export interface TableSource {
  readonly name: string;
  /** The columns asked for, or all; more may come. Each call starts anew. */
  scan(options: { readonly columns?: readonly string[]; readonly signal?: AbortSignal }): AsyncIterable<RecordBatch>;
  /** Paths of Parquet files that together hold exactly the rows of `scan`, in its order, for an engine to read itself. */
  localFiles?(): Promise<readonly string[] | undefined>;
  /** Changes whenever the rows do, e.g. a table version. */
  fingerprint?(): Promise<string>;
  /**
   * The rows that came after those of an earlier fingerprint, when since then rows have only been appended; undefined when
   * others went or changed, or when that is not known.
   */
  appendedSince?(fingerprint: string): Promise<TableSource | undefined>;
  /** How large the rows are together, as far as that is known without reading them. */
  statistics?(): Promise<{ readonly rows?: number; readonly bytes?: number }>;
  /** How timestamps without a zone are to be read. Without it they are refused. */
  readonly timezone?: "UTC" | undefined;
}

export interface SourceOptions {
  /** State `"UTC"` when timestamps without a zone are UTC. Without it they are refused. */
  readonly timezone?: "UTC";
}

/** A source over an Arrow table in memory. */
export function fromTable(name: string, table: Table, options: SourceOptions = {}): TableSource {
  let fingerprint: string | undefined;
  return {
    ...fromBatches(name, () => table.batches, options),
    fingerprint: async () => (fingerprint ??= createHash("sha256").update(tableToIPC(table)).digest("hex")),
    statistics: async () => ({
      rows: table.numRows,
      bytes: table.batches.reduce((sum, batch) => sum + batch.data.byteLength, 0),
    }),
  };
}

/** A source over record batches; `batches` is called for each scan, or is a list that can be read again. */
export function fromBatches(
  name: string,
  batches: readonly RecordBatch[] | (() => Iterable<RecordBatch> | AsyncIterable<RecordBatch>),
  options: SourceOptions = {},
): TableSource {
  return {
    name,
    timezone: options.timezone,
    async *scan({ signal }) {
      for await (const batch of typeof batches === "function" ? batches() : batches) {
        signal?.throwIfAborted();
        yield batch;
      }
    },
  };
}

/** The source with timestamps without a zone read as UTC. */
export function inUtc(source: TableSource): TableSource {
  return {
    name: source.name,
    timezone: "UTC",
    scan: (options) => source.scan(options),
    ...(source.localFiles === undefined
      ? {}
      : { localFiles: () => source.localFiles?.() ?? Promise.resolve(undefined) }),
    ...(source.appendedSince === undefined
      ? {}
      : { appendedSince: (fingerprint: string) => source.appendedSince?.(fingerprint) ?? Promise.resolve(undefined) }),
    ...(source.statistics === undefined ? {} : { statistics: () => source.statistics?.() ?? Promise.resolve({}) }),
    ...(source.fingerprint === undefined ? {} : { fingerprint: () => source.fingerprint?.() ?? Promise.resolve("") }),
  };
}
