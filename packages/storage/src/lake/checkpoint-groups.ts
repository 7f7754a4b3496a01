import type { Action, AddFile, RemoveFile } from "./actions.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { assemble, type CheckpointSchema, disassemble, encodeGroup, widenedSchema } from "./checkpoint-file.ts";
import { FileGroups } from "./file-groups.ts";
import type { TableState } from "./state.ts";

/** What the checkpoints of a table have in common: the next one encodes only what the last had not. */
export class CheckpointGroups {
  readonly #adds: FileGroups<AddFile>;
  readonly #removes: FileGroups<RemoveFile>;
  #schema: CheckpointSchema = { rare: new Set() };
  #read: Checkpoint | undefined;

  /**
   * @param read the checkpoint that the state was read from
   * @param fullGroup the greatest number of files that are encoded together. @default 16_384
   */
  constructor(read?: Checkpoint, fullGroup = 16_384) {
    this.#read = read;
    this.#adds = new FileGroups((add) => ({ add: unchanged(add) }), fullGroup);
    this.#removes = new FileGroups((remove) => ({ remove: unchanged(remove) }), fullGroup);
  }

  /** The checkpoint of a state, as a Parquet file, and its number of actions. One at a time. */
  async encode(state: TableState): Promise<{ readonly body: Uint8Array; readonly size: number }> {
    this.#begin();
    const head = headOf(state);
    const removes = this.#removes.split(state.tombstones.values());
    const adds = this.#adds.split(state.files.values());
    for (const actions of [this.#removes.actions(removes), this.#adds.actions(adds)]) {
      this.#schema = widenedSchema(this.#schema, actions);
    }
    const removed = await this.#removes.encode(removes, this.#schema);
    const files = [...removed, ...(await this.#adds.encode(adds, this.#schema))];
    const groups = head.length === 0 ? files : [encodeGroup(head, this.#schema), ...files];
    return { body: assemble(groups, this.#schema), size: groups.reduce((sum, group) => sum + group.rows, 0) };
  }

  /** What the last checkpoint had encoded need not be encoded by this process either. */
  #begin(): void {
    const { proven, adds = [], removes = [] } = this.#read ?? {};
    this.#read = undefined;
    const known = proven && disassemble(proven);
    if (known === undefined) return;
    this.#schema = known.schema;
    this.#adds.begin(
      known.groups.filter(({ kind }) => kind === "add"),
      adds,
    );
    this.#removes.begin(
      known.groups.filter(({ kind }) => kind === "remove"),
      removes,
    );
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
