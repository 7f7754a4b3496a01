import type { Action, AddFile, RemoveFile } from "./actions.ts";
import { assemble, type CheckpointSchema, encodeGroup, widenedSchema } from "./checkpoint-file.ts";
import { FileGroups } from "./file-groups.ts";
import type { TableState } from "./state.ts";

/** What the checkpoints of a table have in common: the next one encodes only what the last had not. */
export class CheckpointGroups {
  readonly #adds: FileGroups<AddFile>;
  readonly #removes: FileGroups<RemoveFile>;
  #schema: CheckpointSchema = { rare: new Set() };

  /** @param fullGroup the greatest number of files that are encoded together. @default 16_384 */
  constructor(fullGroup = 16_384) {
    this.#adds = new FileGroups((add) => ({ add: unchanged(add) }), fullGroup);
    this.#removes = new FileGroups((remove) => ({ remove: unchanged(remove) }), fullGroup);
  }

  /** The checkpoint of a state, as a Parquet file, and its number of actions. */
  encode(state: TableState): { readonly body: Uint8Array; readonly size: number } {
    const head = headOf(state);
    const removes = this.#removes.split(state.tombstones.values());
    const adds = this.#adds.split(state.files.values());
    for (const actions of [this.#removes.actions(removes), this.#adds.actions(adds)]) {
      this.#schema = widenedSchema(this.#schema, actions);
    }
    const files = [...this.#removes.encode(removes, this.#schema), ...this.#adds.encode(adds, this.#schema)];
    const groups = head.length === 0 ? files : [encodeGroup(head, this.#schema), ...files];
    return { body: assemble(groups, this.#schema), size: groups.reduce((sum, group) => sum + group.rows, 0) };
  }
}

/** In a checkpoint no file is a change. */
function unchanged<File extends AddFile | RemoveFile>(file: File): File {
  return file.dataChange ? { ...file, dataChange: false } : file;
}

/** "Action Reconciliation" of the protocol: all that is no file. */
function headOf(state: TableState): Action[] {
  const actions: Action[] = [];
  if (state.protocol) actions.push({ protocol: state.protocol });
  if (state.metadata) actions.push({ metaData: state.metadata });
  for (const [appId, { version, lastUpdated }] of state.transactions) {
    actions.push({ txn: { appId, version, ...(lastUpdated === undefined ? {} : { lastUpdated }) } });
  }
  for (const domainMetadata of state.domains.values()) actions.push({ domainMetadata });
  return actions;
}
