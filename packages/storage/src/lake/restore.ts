import { storageError } from "../errors.ts";
import type { Action } from "./actions.ts";
import { change, type ChangeOptions, removeOf } from "./change.ts";
import { dataKey } from "./data-file.ts";
import { metadataAction } from "./evolve.ts";
import { logicalKey } from "./logical-file.ts";
import { schemaString } from "./schema.ts";
import type { LakeContext } from "./stage.ts";
import type { Definition } from "./state.ts";

export interface RestoreOptions extends ChangeOptions {
  /** The version whose rows, columns and properties the table is to have again. */
  readonly version: number;
}

export interface RestoreCounts {
  readonly filesRestored: number;
  readonly filesRemoved: number;
}

export type RestoreResult = { readonly version: number } & RestoreCounts;

const names = { filesRestored: "numRestoredFiles", filesRemoved: "numRemovedFiles" } as const;

/** Makes a table what it was. See `LakeTable.restore`. */
export async function restore(
  target: { readonly context: LakeContext; readonly name: string },
  options: RestoreOptions,
): Promise<RestoreResult> {
  const { context, name } = target;
  const { version, signal } = options;
  return change<RestoreCounts & Record<string, number>>(target, options, names, async (base) => {
    const { state: then } = await context.states.read(name, { until: version, ...(signal ? { signal } : {}) });
    const now = new Set(Array.from(base.state.files.values(), logicalKey));
    const before = new Set(Array.from(then.files.values(), logicalKey));
    const restored = [...then.files.values()].filter((file) => !now.has(logicalKey(file)));
    const removed = [...base.state.files.values()].filter((file) => !before.has(logicalKey(file)));
    for (const file of restored) {
      const key = dataKey(name, file);
      if ((await context.objects.head(key)) === undefined)
        throw storageError("DATA_FILE_MISSING", { file: key, version });
    }
    const actions: Action[] = [
      ...metadata(base.definition, then.definition),
      ...removed.map((file) => ({ remove: removeOf(file, base.now) })),
      ...restored.map((file) => ({ add: { ...file, dataChange: true } })),
    ];
    return {
      operation: "RESTORE",
      parameters: { version: String(version) },
      metrics: { filesRestored: restored.length, filesRemoved: removed.length },
      actions,
      read: { files: new Set(Array.from(base.state.files.values(), (file) => file.path)), where: {} },
      dataChange: true,
    };
  });
}

/** The protocol stays as it is: it only ever grows. */
function metadata(now: Definition, then: Definition | undefined): Action[] {
  if (then === undefined || textOf(now) === textOf(then)) return [];
  return [metadataAction({ ...then, id: now.id })];
}

const textOf = ({ columns, partitionBy, configuration }: Definition): string =>
  JSON.stringify([schemaString(columns), partitionBy, Object.entries(configuration).sort()]);
