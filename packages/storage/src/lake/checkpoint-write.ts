import { zstdCompressSync } from "node:zlib";
import type { ObjectStore } from "@ashlar/core";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import type { Action, AddFile } from "./actions.ts";
import { checkpointColumns } from "./checkpoint-schema.ts";
import { writeLastCheckpoint } from "./last-checkpoint.ts";
import type { TableLog } from "./log.ts";
import { deletedFileRetention } from "./properties.ts";
import type { TableState } from "./state.ts";

const rowGroupRows = 50_000;

/**
 * Writes a classic checkpoint of a state, and the hint that points to it. Tombstones whose retention is over are left
 * out, and dropped from the state. Whoever wrote one of the same version before wrote the same.
 */
export async function writeCheckpoint(
  objects: ObjectStore,
  log: TableLog,
  state: TableState,
  now: number,
): Promise<void> {
  const expired = now - deletedFileRetention(state.definition?.configuration ?? {});
  for (const [key, remove] of state.tombstones) {
    if ((remove.deletionTimestamp ?? 0) < expired) state.tombstones.delete(key);
  }
  const actions = reconciled(state);
  const body = await encodeCheckpoint(actions);
  await objects.put(log.checkpointKeyOf(state.version), body);
  await writeLastCheckpoint(objects, log.lastCheckpointKey, {
    version: state.version,
    size: actions.length,
    sizeInBytes: body.byteLength,
    numOfAddFiles: state.files.size,
  });
}

/** "Action Reconciliation" of the protocol. In a checkpoint no file is a change. */
function reconciled(state: TableState): Action[] {
  const actions: Action[] = [];
  if (state.protocol) actions.push({ protocol: state.protocol });
  if (state.metadata) actions.push({ metaData: state.metadata });
  for (const [appId, { version, lastUpdated }] of state.transactions) {
    actions.push({ txn: { appId, version, ...(lastUpdated === undefined ? {} : { lastUpdated }) } });
  }
  for (const domainMetadata of state.domains.values()) actions.push({ domainMetadata });
  for (const remove of state.tombstones.values()) actions.push({ remove: { ...remove, dataChange: false } });
  for (const add of state.files.values()) actions.push({ add: unchanged(add) });
  return actions;
}

const unchanged = (add: AddFile): AddFile => (add.dataChange ? { ...add, dataChange: false } : add);

/** One Parquet file with one action per row. */
export async function encodeCheckpoint(actions: readonly Action[]): Promise<Uint8Array> {
  const columns = checkpointColumns(actions);
  const others = actions.findIndex((action) => action.add !== undefined);
  const rowGroupSize = others > 0 ? [others, rowGroupRows] : rowGroupRows;
  const bytes = new ByteWriter();
  const file = new ParquetWriter({
    writer: bytes,
    schema: [{ name: "spark_schema", num_children: columns.length }, ...columns.flatMap((column) => column.schema)],
    codec: "ZSTD",
    compressors: { ZSTD: (input) => zstdCompressSync(input) },
    // Readers learn from the null counts which columns of a row group they need not decode.
    statistics: true,
  });
  await file.write({ columnData: columns.map(({ name, data }) => ({ name, data })), rowGroupSize });
  await file.finish();
  return bytes.getBytes();
}
