import type { Action } from "./actions.ts";
import type { TableLog } from "./log.ts";
import { logicalKey } from "./logical-file.ts";
import { TableState } from "./state.ts";

/**
 * The latest state of a table, where its log has a checkpoint beyond a version; else undefined, and then no entry of that
 * version was ever cleaned up: "Metadata Cleanup" of the protocol deletes only what is before a checkpoint, which
 * `_last_checkpoint` tells of by then.
 *
 * @throws LOG_CORRUPT
 */
export async function stateBeyond(log: TableLog, table: string, version: number): Promise<TableState | undefined> {
  const hint = await log.lastCheckpoint();
  if (hint === undefined || hint.version <= version) return undefined;
  const state = new TableState(table);
  await state.advance(log);
  return state;
}

/** Whether a state that was read from a checkpoint has in it what a commit from before that checkpoint did. */
export function isPartOf(state: TableState, actions: readonly Action[]): boolean {
  const adds = actions.flatMap(({ add }) => add ?? []);
  // Names of files are random: one that is there, or was removed since, came with this commit.
  if (adds.length > 0) {
    return adds.map(logicalKey).some((key) => state.files.has(key) || state.tombstones.has(key));
  }
  const isDone = ({ remove, metaData, txn, protocol, domainMetadata }: Action): boolean => {
    if (remove !== undefined) return !state.files.has(logicalKey(remove));
    if (metaData !== undefined) return JSON.stringify(metaData) === JSON.stringify(state.metadata);
    if (txn !== undefined) return (state.transactions.get(txn.appId)?.version ?? -1) >= txn.version;
    if (domainMetadata !== undefined)
      return JSON.stringify(domainMetadata) === JSON.stringify(state.domains.get(domainMetadata.domain));
    return protocol === undefined || JSON.stringify(protocol) === JSON.stringify(state.protocol);
  };
  return actions.every(isDone);
}
