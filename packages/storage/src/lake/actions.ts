import { storageError } from "../errors.ts";
import { isRecord } from "./schema.ts";

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

/** Parses one log entry: a JSON action per line. @throws LOG_CORRUPT, naming the file */
export function parseActions(file: string, text: string): Action[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) throw storageError("LOG_CORRUPT", { file, reason: "it is empty" });
  return lines.map((line, index) => {
    const action = parseLine(file, line, index + 1);
    const problem = problemOf(action);
    if (problem !== undefined) throw storageError("LOG_CORRUPT", { file, reason: `line ${index + 1}: ${problem}` });
    return action as Action;
  });
}

function parseLine(file: string, line: string, number: number): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch (cause) {
    throw storageError("LOG_CORRUPT", { file, reason: `line ${number} is not JSON` }, { cause });
  }
}

/** What is wrong with an action, from a log entry or a checkpoint. */
export function problemOf(action: unknown): string | undefined {
  if (!isRecord(action)) return "it is no action";
  const { add, remove, metaData, protocol, txn, domainMetadata } = action;
  if (add !== undefined && !isAdd(add)) return "the add action lacks a path, a size or partition values";
  if (remove !== undefined && (!isRecord(remove) || typeof remove["path"] !== "string")) return "remove lacks a path";
  if (metaData !== undefined && !isMetadata(metaData)) return "metaData lacks an id, a schema or partition columns";
  if (protocol !== undefined && !isProtocol(protocol)) return "protocol lacks a version";
  if (txn !== undefined && (!isRecord(txn) || typeof txn["appId"] !== "string" || typeof txn["version"] !== "number")) {
    return "txn lacks an application id or a version";
  }
  if (domainMetadata !== undefined && !isDomainMetadata(domainMetadata)) return "domainMetadata lacks a domain";
  return undefined;
}

function isDomainMetadata(value: unknown): boolean {
  return isRecord(value) && typeof value["domain"] === "string" && typeof value["configuration"] === "string";
}

function isAdd(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value["path"] === "string" &&
    typeof value["size"] === "number" &&
    isRecord(value["partitionValues"])
  );
}

function isMetadata(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value["id"] === "string" &&
    typeof value["schemaString"] === "string" &&
    Array.isArray(value["partitionColumns"])
  );
}

function isProtocol(value: unknown): boolean {
  return (
    isRecord(value) && typeof value["minReaderVersion"] === "number" && typeof value["minWriterVersion"] === "number"
  );
}
