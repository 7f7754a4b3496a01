import { storageError } from "../errors.ts";
import type { Action, AddFile, Metadata, Protocol } from "./actions.ts";
import { logicalKey } from "./logical-file.ts";
import type { TableLog } from "./log.ts";
import { assertReadable } from "./protocol.ts";
import { parseSchemaString, type TableColumn } from "./schema.ts";

/** What a table is made of, apart from its files. */
export interface Definition {
  readonly id: string;
  readonly columns: readonly TableColumn[];
  readonly partitionBy: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
}

/** What the log adds up to at one version: "Action Reconciliation" of the Delta protocol. */
export class TableState {
  readonly table: string;
  /** -1 before the first version. */
  version = -1;
  protocol: Protocol | undefined;
  definition: Definition | undefined;
  readonly files: Map<string, AddFile> = new Map();
  readonly transactions: Map<string, { readonly version: number; readonly committed: number }> = new Map();

  constructor(table: string) {
    this.table = table;
  }

  /** What advancing the one does not change in the other. */
  copy(): TableState {
    const copy = new TableState(this.table);
    copy.version = this.version;
    copy.protocol = this.protocol;
    copy.definition = this.definition;
    for (const [path, file] of this.files) copy.files.set(path, file);
    for (const [appId, transaction] of this.transactions) copy.transactions.set(appId, transaction);
    return copy;
  }

  /** Reads on from this state's version up to `until`, or to the latest. @throws LOG_CORRUPT, VERSION_NOT_FOUND */
  async advance(
    log: TableLog,
    options: {
      readonly until?: number;
      readonly signal?: AbortSignal;
      /** Gets the actions of each entry that is read. */
      readonly onEntry?: (actions: Action[]) => void;
    } = {},
  ): Promise<void> {
    const { commits, checkpoints } = await log.versions(this.version, options.signal);
    const latest = Math.max(this.version, commits.at(-1) ?? -1, checkpoints.at(-1) ?? -1);
    const until = options.until ?? latest;
    if (until > latest) throw storageError("VERSION_NOT_FOUND", { table: this.table, version: until, latest });
    const checkpoint = this.version < 0 ? checkpoints.findLast((version) => version <= until) : undefined;
    if (checkpoint !== undefined) {
      this.#apply(await log.readCheckpoint(checkpoint), checkpoint, `checkpoint ${checkpoint}`);
    }
    while (this.version < until) {
      options.signal?.throwIfAborted();
      const version = this.version + 1;
      const actions = await log.read(version, options.signal);
      this.#apply(actions, version, log.keyOf(version));
      options.onEntry?.(actions);
    }
  }

  #apply(actions: readonly Action[], version: number, file: string): void {
    for (const { add, remove, metaData, protocol, txn } of actions) {
      if (protocol) {
        assertReadable(this.table, protocol);
        this.protocol = protocol;
      }
      if (metaData) this.definition = definitionOf(metaData, file);
      if (txn) this.transactions.set(txn.appId, { version: txn.version, committed: version });
      if (remove) this.files.delete(logicalKey(remove));
      if (add) this.files.set(logicalKey(add), add);
    }
    if (this.definition === undefined || this.protocol === undefined) {
      throw storageError("LOG_CORRUPT", { file, reason: "the log begins without a protocol and metadata" });
    }
    this.version = version;
  }
}

/** @throws LOG_CORRUPT, TYPE_UNSUPPORTED */
export function definitionOf(metadata: Metadata, file: string): Definition {
  const columns = parseColumns(metadata.schemaString, file);
  const missing = metadata.partitionColumns.find((name) => !columns.some((column) => column.name === name));
  if (missing !== undefined) {
    throw storageError("LOG_CORRUPT", { file, reason: `the partition column "${missing}" is not in the schema` });
  }
  const { id, partitionColumns, configuration } = metadata;
  return { id, columns, partitionBy: partitionColumns, configuration: configuration ?? {} };
}

function parseColumns(text: string, file: string): readonly TableColumn[] {
  let columns: readonly TableColumn[] | undefined;
  try {
    columns = parseSchemaString(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof TypeError)) throw cause;
    throw storageError("LOG_CORRUPT", { file, reason: "its schema is not a Delta schema" }, { cause });
  }
  if (columns === undefined) throw storageError("LOG_CORRUPT", { file, reason: "its schema is not a Delta schema" });
  return columns;
}
