import { storageError } from "../errors.ts";
import type { Action, AddFile, DomainMetadata, Metadata, Protocol, RemoveFile } from "./actions.ts";
import type { Checkpoint, CheckpointFiles } from "./checkpoint.ts";
import { CheckpointGroups } from "./checkpoint-groups.ts";
import { mappingModeKey, physicalName, unmapped } from "./column-mapping.ts";
import { inCommitTimestamp } from "./in-commit-timestamp.ts";
import { logicalKey } from "./logical-file.ts";
import type { TableLog } from "./log.ts";
import { assertReadable } from "./protocol.ts";
import { replay, type ReplayOptions } from "./replay.ts";
import { parseSchemaString, type TableColumn } from "./schema.ts";
import { SharedMap } from "./shared-map.ts";

/** What a table is made of, apart from its files. */
export interface Definition {
  readonly id: string;
  readonly columns: readonly TableColumn[];
  readonly partitionBy: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
}

/** The last transaction of an application. */
export interface CommittedTransaction {
  readonly version: number;
  readonly lastUpdated?: number;
  /** The version of the table; undefined when only a checkpoint remembers it. */
  readonly committed: number | undefined;
}

/** What the log adds up to at one version: "Action Reconciliation" of the Delta protocol. */
export class TableState {
  readonly table: string;
  /** -1 before the first version. */
  version = -1;
  protocol: Protocol | undefined;
  /** When its version was committed, as that says itself, epoch milliseconds; undefined where it does not, or was not read. */
  timestamp: number | undefined;
  /** As it stands in the log. */
  metadata: Metadata | undefined;
  definition: Definition | undefined;
  /** By logical key. */
  files: SharedMap<AddFile> = new SharedMap();
  /** Removed files, by logical key, whose retention may not be over. */
  tombstones: SharedMap<RemoveFile> = new SharedMap();
  transactions: SharedMap<CommittedTransaction> = new SharedMap();
  domains: SharedMap<DomainMetadata> = new SharedMap();
  /** Shared with the copies. */
  checkpoints: CheckpointGroups = new CheckpointGroups();

  constructor(table: string) {
    this.table = table;
  }

  /** What advancing the one does not change in the other. Costs what changed lately, whatever the number of files. */
  copy(): TableState {
    const copy = new TableState(this.table);
    copy.version = this.version;
    copy.timestamp = this.timestamp;
    copy.protocol = this.protocol;
    copy.metadata = this.metadata;
    copy.definition = this.definition;
    copy.files = this.files.copy();
    copy.tombstones = this.tombstones.copy();
    copy.transactions = this.transactions.copy();
    copy.domains = this.domains.copy();
    copy.checkpoints = this.checkpoints;
    return copy;
  }

  /** Reads on from this state's version up to `until`, or to the latest. @throws LOG_CORRUPT, VERSION_NOT_FOUND */
  advance(log: TableLog, options: ReplayOptions = {}): Promise<void> {
    return replay(this, log, options);
  }

  /** Becomes what a checkpoint says. Nothing is changed when it is damaged. @throws LOG_CORRUPT */
  restore(checkpoint: Checkpoint, { version, keys }: CheckpointFiles): void {
    const file = keys[0] ?? "";
    const fresh = new TableState(this.table);
    fresh.apply(checkpoint.others, undefined, file);
    const files = byKey(checkpoint.adds);
    const tombstones = byKey(checkpoint.removes);
    if (files.size !== checkpoint.adds.length) throw corrupt(file, "it adds a file twice");
    const both = [...tombstones.keys()].find((key) => files.has(key));
    if (both !== undefined) throw corrupt(file, `it both adds and removes "${both}"`);
    if (fresh.definition !== undefined) assertPartitioned(fresh.definition, checkpoint.adds, file);
    fresh.version = version;
    fresh.files = new SharedMap(files);
    fresh.tombstones = new SharedMap(tombstones);
    fresh.checkpoints = new CheckpointGroups(checkpoint);
    this.become(fresh);
  }

  /** Takes over all that another state says, which is not to be used any more. */
  become(other: TableState): void {
    this.version = other.version;
    this.timestamp = other.timestamp;
    this.protocol = other.protocol;
    this.metadata = other.metadata;
    this.definition = other.definition;
    this.files = other.files;
    this.tombstones = other.tombstones;
    this.transactions = other.transactions;
    this.domains = other.domains;
    this.checkpoints = other.checkpoints;
  }

  /**
   * Takes the actions of one version; of no version when a checkpoint remembers them.
   *
   * @throws LOG_CORRUPT, PROTOCOL_UNSUPPORTED, TYPE_UNSUPPORTED
   */
  apply(actions: readonly Action[], version: number | undefined, file: string): void {
    for (const action of actions) if (action.protocol) this.#setProtocol(action.protocol);
    for (const { add, remove, metaData, txn, domainMetadata } of actions) {
      if (metaData) {
        this.definition = definitionOf(metaData, file);
        this.metadata = metaData;
      }
      if (txn) this.transactions.set(txn.appId, transactionOf(txn, version));
      if (domainMetadata?.removed === true) this.domains.delete(domainMetadata.domain);
      else if (domainMetadata) this.domains.set(domainMetadata.domain, domainMetadata);
      if (remove) this.#remove(remove);
      if (add) this.#add(add);
    }
    if (this.definition === undefined || this.protocol === undefined) {
      throw corrupt(file, "the log begins without a protocol and metadata");
    }
    if (version === undefined) return;
    this.version = version;
    this.timestamp = inCommitTimestamp(actions);
  }

  #setProtocol(protocol: Protocol): void {
    assertReadable(this.table, protocol);
    this.protocol = protocol;
  }

  #add(add: AddFile): void {
    const key = logicalKey(add);
    this.tombstones.delete(key);
    this.files.set(key, add);
  }

  #remove(remove: RemoveFile): void {
    const key = logicalKey(remove);
    this.files.delete(key);
    this.tombstones.set(key, remove);
  }
}

function byKey<File extends AddFile | RemoveFile>(files: readonly File[]): Map<string, File> {
  const found = new Map<string, File>();
  for (const file of files) found.set(logicalKey(file), file);
  return found;
}

/**
 * Each file of a table says its value of each partition column and of no other. A checkpoint whose footer lost either
 * side would be read with nulls in their place.
 */
function assertPartitioned({ columns, partitionBy }: Definition, adds: readonly AddFile[], file: string): void {
  const names = new Set(columns.filter(({ name }) => partitionBy.includes(name)).map(physicalName));
  for (const { path, partitionValues } of adds) {
    const keys = Object.keys(partitionValues);
    if (keys.length === names.size && keys.every((key) => names.has(key))) continue;
    const said = `its file "${path}" has the partition values [${keys.join(", ")}]`;
    throw corrupt(file, `${said}, but the table is partitioned by [${[...names].join(", ")}]`);
  }
}

function transactionOf(
  { version, lastUpdated }: { readonly version: number; readonly lastUpdated?: number },
  committed: number | undefined,
): CommittedTransaction {
  return { version, committed, ...(lastUpdated === undefined ? {} : { lastUpdated }) };
}

/** @throws LOG_CORRUPT, TYPE_UNSUPPORTED */
export function definitionOf(metadata: Metadata, file: string): Definition {
  const columns = parseColumns(metadata.schemaString, file);
  const missing = metadata.partitionColumns.find((name) => !columns.some((column) => column.name === name));
  if (missing !== undefined) throw corrupt(file, `the partition column "${missing}" is not in the schema`);
  const { id, partitionColumns, configuration } = metadata;
  const mapped = ["name", "id"].includes(configuration?.[mappingModeKey] ?? "");
  return {
    id,
    columns: mapped ? columns : unmapped(columns),
    partitionBy: partitionColumns,
    configuration: configuration ?? {},
  };
}

function parseColumns(text: string, file: string): readonly TableColumn[] {
  const reason = "its schema is not a Delta schema";
  let columns: readonly TableColumn[] | undefined;
  try {
    columns = parseSchemaString(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof TypeError)) throw cause;
    throw storageError("LOG_CORRUPT", { file, reason }, { cause });
  }
  if (columns === undefined) throw corrupt(file, reason);
  return columns;
}

const corrupt = (file: string, reason: string): Error => storageError("LOG_CORRUPT", { file, reason });
