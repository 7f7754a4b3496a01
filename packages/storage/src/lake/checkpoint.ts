import type { ObjectStore } from "@ashlar/core";
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { storageError } from "../errors.ts";
import { type Action, problemOf } from "./actions.ts";
import { isRecord } from "./schema.ts";

const columns = ["add", "remove", "metaData", "protocol", "txn"];

/** Reads a classic checkpoint: one action per row, one column per kind. @throws LOG_CORRUPT */
export async function readCheckpoint(objects: ObjectStore, file: string): Promise<Action[]> {
  const rows = await readRows(objects, file);
  return rows.map((row, index) => {
    const action = Object.fromEntries(
      columns.flatMap((name) => (isRecord(row[name]) ? [[name, plain(row[name])] as const] : [])),
    );
    const problem = problemOf(action);
    if (problem !== undefined) throw storageError("LOG_CORRUPT", { file, reason: `row ${index}: ${problem}` });
    return action;
  });
}

async function readRows(objects: ObjectStore, file: string): Promise<Record<string, unknown>[]> {
  try {
    const bytes = await (await objects.get(file)).bytes();
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    return await parquetReadObjects({ file: buffer, compressors });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw storageError("LOG_CORRUPT", { file, reason }, { cause });
  }
}

/** Parquet's integers become numbers and its absent fields go away, as in the JSON form of an action. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (!isRecord(value)) return value;
  const present = Object.entries(value).filter(([name, item]) => name === "partitionValues" || isPresent(item));
  return Object.fromEntries(
    present.map(([name, item]) => [name, name === "partitionValues" ? (item ?? {}) : plain(item)]),
  );
}

const isPresent = (item: unknown): boolean => item !== null && item !== undefined;
