import { storageError } from "../errors.ts";
import { problemOf } from "./action-problem.ts";
import { isRecord } from "./schema-type.ts";

/** Which rows of a data file are deleted: "Deletion Vector Descriptor Schema" of the protocol. */
export interface DeletionVectorDescriptor {
  /** `u`: relative to the table, named by a UUID; `i`: inline; `p`: an absolute path. */
  readonly storageType: "u" | "i" | "p";
  readonly pathOrInlineDv: string;
  /** Bytes into the file; absent inline. */
  readonly offset?: number;
  readonly sizeInBytes: number;
  /** Deleted rows. */
  readonly cardinality: number;
}

/** A data file that is part of the table from here on: "Add File" of the Delta protocol. */
export interface AddFile {
  /** Relative to the table, URI-encoded. */
  readonly path: string;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  /** Bytes. */
  readonly size: number;
  /** Epoch milliseconds. */
  readonly modificationTime: number;
  readonly dataChange: boolean;
  readonly stats?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly deletionVector?: DeletionVectorDescriptor;
  readonly baseRowId?: number;
  readonly defaultRowCommitVersion?: number;
  readonly clusteringProvider?: string;
}

/** A data file that is no longer part of the table. It stays as a tombstone until its retention is over. */
export interface RemoveFile {
  readonly path: string;
  /** Epoch milliseconds. Absent counts as long ago. */
  readonly deletionTimestamp?: number;
  readonly dataChange: boolean;
  readonly extendedFileMetadata?: boolean;
  readonly partitionValues?: Readonly<Record<string, string | null>>;
  readonly size?: number;
  readonly tags?: Readonly<Record<string, string>>;
  readonly deletionVector?: DeletionVectorDescriptor;
  readonly baseRowId?: number;
  readonly defaultRowCommitVersion?: number;
}

/** A file of `_change_data`: the rows that a version changed. */
export interface AddCdcFile {
  readonly path: string;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly size: number;
  readonly dataChange: false;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface DomainMetadata {
  readonly domain: string;
  readonly configuration: string;
  readonly removed: boolean;
}

export interface Protocol {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures?: readonly string[];
  readonly writerFeatures?: readonly string[];
}

export interface Metadata {
  readonly id: string;
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly format: { readonly provider: string; readonly options: Readonly<Record<string, string>> };
  readonly createdTime?: number;
}

export interface Transaction {
  readonly appId: string;
  readonly version: number;
  readonly lastUpdated?: number;
}

/** One line of the log: "Actions" of the Delta protocol. */
export interface Action {
  readonly add?: AddFile;
  readonly remove?: RemoveFile;
  readonly cdc?: AddCdcFile;
  readonly domainMetadata?: DomainMetadata;
  readonly metaData?: Metadata;
  readonly protocol?: Protocol;
  readonly txn?: Transaction;
  readonly commitInfo?: Readonly<Record<string, unknown>>;
}

/** Parses one log entry, or a checkpoint in JSON: an action per line. @throws LOG_CORRUPT, naming the file */
export function parseActions(file: string, bytes: Uint8Array): Action[] {
  const lines = textOf(file, bytes)
    .split("\n")
    .filter((line) => line.trim() !== "");
  if (lines.length === 0) throw storageError("LOG_CORRUPT", { file, reason: "it is empty" });
  return lines.map((line, index) => {
    const action = withoutNulls(parseLine(file, line, index + 1));
    const problem = problemOf(action);
    if (problem !== undefined) throw storageError("LOG_CORRUPT", { file, reason: `line ${index + 1}: ${problem}` });
    return action as Action;
  });
}

function textOf(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw storageError("LOG_CORRUPT", { file, reason: "it is not UTF-8" }, { cause });
  }
}

/** Some writers give what is absent as null: actions, their fields, and table properties (delta-rs). */
function withoutNulls(action: unknown): unknown {
  if (!isRecord(action)) return action;
  const present = Object.entries(stripped(action)).map(([name, value]) => {
    if (!isRecord(value) || name === "commitInfo") return [name, value];
    const fields = stripped(value);
    const { configuration } = fields;
    return [name, isRecord(configuration) ? { ...fields, configuration: stripped(configuration) } : fields];
  });
  return Object.fromEntries(present);
}

function stripped(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const entries = Object.entries(fields);
  return entries.some(([, value]) => value === null)
    ? Object.fromEntries(entries.filter(([, value]) => value !== null))
    : fields;
}

function parseLine(file: string, line: string, number: number): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch (cause) {
    throw storageError("LOG_CORRUPT", { file, reason: `line ${number} is not JSON` }, { cause });
  }
}
