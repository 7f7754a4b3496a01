import { takeRows } from "../parquet/batch.ts";
import type { Value } from "../parquet/column-type.ts";
import type { Predicate } from "../parquet/predicate.ts";
import { assign, assignmentsOf, type Row } from "./assign.ts";
import { change, type ChangeOptions, removeOf } from "./change.ts";
import { ChangeData } from "./change-data.ts";
import { predicateText } from "./delete.ts";
import { type HoldOptions, type HoldTarget, severityFor } from "./held.ts";
import {
  defaultFileSize,
  fileTests,
  readOf,
  rowsForSize,
  rowsWithout,
  splitRows,
  touchedFiles,
  wholeFile,
} from "./rewrite.ts";
import { RowHold } from "./row-hold.ts";

/** What a column is set to: a value, or a function of the row as it is. */
export type SetValue = Value | null | ((row: Row) => Value | null);

export interface UpdateOptions extends ChangeOptions, HoldOptions {
  /** The rows to update: those for which all conditions hold. `{}` is every row. */
  readonly where: Predicate;
  /** Values by column. Functions see the row as it was, not what other columns are set to. */
  readonly set: Readonly<Record<string, SetValue>>;
}

export interface UpdateCounts {
  /** Rows updated. */
  readonly updated: number;
  /** Rows that stayed as they were, as what they were to become went to the quarantine. */
  readonly quarantined: number;
  /** Rows written again as they were, because they stood in a file with an updated one. */
  readonly copied: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
}

export type UpdateResult = { readonly version: number } & UpdateCounts;

const names = {
  updated: "numUpdatedRows",
  quarantined: "numQuarantinedRows",
  copied: "numCopiedRows",
  filesAdded: "numAddedFiles",
  filesRemoved: "numRemovedFiles",
} as const;

/** Updates rows. See `LakeTable.update`. */
export async function updateRows(target: HoldTarget, options: UpdateOptions): Promise<UpdateResult> {
  const { context, name } = target;
  const { where, set } = options;
  const hold = new RowHold(target, options);
  return change<UpdateCounts & Record<string, number>>(target, options, names, async (base) => {
    const { state, definition, signal } = base;
    const { columns, partitionBy } = definition;
    const json = severityFor(target, state, options) === "quarantine" ? "held" : "refused";
    const assignments = assignmentsOf(name, columns, set, { json });
    const tests = fileTests(base, where);
    const touched = await touchedFiles(context, base, where);
    const written = base.stages.open({ columns, partitionBy, fileRows: rowsForSize(touched, defaultFileSize) });
    const changes = new ChangeData(base, touched.length > 0);
    await using held = await hold.begin(base, {
      rows: "changed",
      jsonChecked: json === "refused",
      remaining: (wanted) => rowsWithout(context, state, definition, where, wanted, signal),
    });
    let updated = 0;
    for (const { file } of touched) {
      for await (const batch of wholeFile(context, base, file)) {
        const { matched, others } = splitRows(tests, batch);
        if (others !== undefined) await written.write(others, signal);
        if (matched === undefined) continue;
        const { kept, keptRows, aside } = await held.sift(assign(matched, assignments));
        if (aside.length > 0) await written.write(held.stay(matched, aside), signal);
        if (kept === undefined) continue;
        updated += kept.numRows;
        await written.write(kept, signal);
        await changes.write("update_preimage", keptRows === undefined ? matched : takeRows(matched, keptRows));
        await changes.write("update_postimage", kept);
      }
    }
    const files = await written.finish(signal);
    const info = touched.length === 0 ? {} : await held.finish();
    const { quarantined } = held;
    const counts = { quarantined, filesAdded: files.length, filesRemoved: touched.length };
    return {
      operation: "UPDATE",
      parameters: { predicate: JSON.stringify([predicateText(where)]) },
      metrics: { updated, copied: written.rows - updated, ...counts },
      info,
      actions: [
        ...touched.map(({ file }) => ({ remove: removeOf(file, base.now) })),
        ...files.map((add) => ({ add })),
        ...(await changes.finish(signal)),
      ],
      read: readOf(touched, where),
      dataChange: true,
    };
  });
}
