import type { Value } from "../parquet/column-type.ts";
import type { Predicate } from "../parquet/predicate.ts";
import { assign, assignmentsOf, type Row } from "./assign.ts";
import { change, type ChangeOptions, removeOf } from "./change.ts";
import { ChangeData } from "./change-data.ts";
import { predicateText } from "./delete.ts";
import { defaultFileSize, fileTests, readOf, rowsForSize, splitRows, touchedFiles, wholeFile } from "./rewrite.ts";
import type { LakeContext } from "./stage.ts";

/** What a column is set to: a value, or a function of the row as it is. */
export type SetValue = Value | null | ((row: Row) => Value | null);

export interface UpdateOptions extends ChangeOptions {
  /** The rows to update: those for which all conditions hold. `{}` is every row. */
  readonly where: Predicate;
  /** Values by column. Functions see the row as it was, not what other columns are set to. */
  readonly set: Readonly<Record<string, SetValue>>;
}

export interface UpdateCounts {
  /** Rows updated. */
  readonly updated: number;
  /** Rows written again as they were, because they stood in a file with an updated one. */
  readonly copied: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
}

export type UpdateResult = { readonly version: number } & UpdateCounts;

const names = {
  updated: "numUpdatedRows",
  copied: "numCopiedRows",
  filesAdded: "numAddedFiles",
  filesRemoved: "numRemovedFiles",
} as const;

/** Updates rows. See `LakeTable.update`. */
export async function updateRows(
  target: { readonly context: LakeContext; readonly name: string },
  options: UpdateOptions,
): Promise<UpdateResult> {
  const { context, name } = target;
  const { where, set } = options;
  return change<UpdateCounts & Record<string, number>>(target, options, names, async (base) => {
    const { columns, partitionBy } = base.definition;
    const assignments = assignmentsOf(name, columns, set);
    const tests = fileTests(base, where);
    const touched = await touchedFiles(context, base, where);
    const written = base.stages.open({ columns, partitionBy, fileRows: rowsForSize(touched, defaultFileSize) });
    const changes = new ChangeData(base, touched.length > 0);
    let updated = 0;
    for (const { file } of touched) {
      for await (const batch of wholeFile(context, base, file)) {
        const { matched, others } = splitRows(tests, batch);
        if (others !== undefined) await written.write(others, base.signal);
        if (matched === undefined) continue;
        const after = assign(matched, assignments);
        updated += matched.numRows;
        await written.write(after, base.signal);
        await changes.write("update_preimage", matched);
        await changes.write("update_postimage", after);
      }
    }
    const files = await written.finish(base.signal);
    const counts = { filesAdded: files.length, filesRemoved: touched.length };
    return {
      operation: "UPDATE",
      parameters: { predicate: JSON.stringify([predicateText(where)]) },
      metrics: { updated, copied: written.rows - updated, ...counts },
      actions: [
        ...touched.map(({ file }) => ({ remove: removeOf(file, base.now) })),
        ...files.map((add) => ({ add })),
        ...(await changes.finish(base.signal)),
      ],
      read: readOf(touched, where),
      dataChange: true,
    };
  });
}
