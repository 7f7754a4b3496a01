import type { Predicate } from "../parquet/predicate.ts";
import { type Base, change, type ChangeOptions, type Planned, removeOf } from "./change.ts";
import { ChangeData } from "./change-data.ts";
import { defaultFileSize, fileTests, readOf, rowsForSize, splitRows, touchedFiles, wholeFile } from "./rewrite.ts";
import type { LakeContext } from "./stage.ts";

export interface DeleteOptions extends ChangeOptions {
  /** The rows to delete: those for which all conditions hold. `{}` is every row. */
  readonly where: Predicate;
}

export interface DeleteCounts {
  /** Rows deleted. */
  readonly deleted: number;
  /** Rows written again, because they stood in a file with a deleted one. */
  readonly copied: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
}

export type DeleteResult = { readonly version: number } & DeleteCounts;

const names = {
  deleted: "numDeletedRows",
  copied: "numCopiedRows",
  filesAdded: "numAddedFiles",
  filesRemoved: "numRemovedFiles",
} as const;

/** Deletes rows. See `LakeTable.delete`. */
export async function deleteRows(
  target: { readonly context: LakeContext; readonly name: string },
  options: DeleteOptions,
): Promise<DeleteResult> {
  const { where } = options;
  return change<DeleteCounts & Record<string, number>>(target, options, names, async (base) => {
    const { actions, read, ...counts } = await removeRows(target.context, base, where);
    return planned(where, counts, actions, read);
  });
}

function planned(
  where: Predicate,
  counts: DeleteCounts,
  actions: Planned<Record<string, number>>["actions"],
  read: Planned<Record<string, number>>["read"],
): Planned<DeleteCounts & Record<string, number>> {
  const parameters = { predicate: JSON.stringify([predicateText(where)]) };
  return { operation: "DELETE", parameters, metrics: { ...counts }, actions, read, dataChange: true };
}

/** What takes the matching rows out of a table: files removed, and written again without them. */
export async function removeRows(
  context: LakeContext,
  base: Base,
  where: Predicate,
  changes?: ChangeData,
): Promise<DeleteCounts & Pick<Planned<Record<string, number>>, "actions" | "read">> {
  const tests = fileTests(base, where);
  const touched = await touchedFiles(context, base, where);
  const parts = touched.filter(({ rows, matched }) => matched < rows);
  const { columns, partitionBy } = base.definition;
  const kept = base.stages.open({ columns, partitionBy, fileRows: rowsForSize(parts, defaultFileSize) });
  // Files that go as a whole say themselves which rows are deleted.
  const data = changes ?? new ChangeData(base, parts.length > 0);
  for (const { file, rows, matched } of touched) {
    if (matched === rows && !data.enabled) continue;
    for await (const batch of wholeFile(context, base, file)) {
      const split = splitRows(tests, batch);
      await data.write("delete", split.matched);
      if (split.others !== undefined) await kept.write(split.others, base.signal);
    }
  }
  const files = await kept.finish(base.signal);
  const cdc = changes === undefined ? await data.finish(base.signal) : [];
  return {
    deleted: touched.reduce((sum, { matched }) => sum + matched, 0),
    copied: kept.rows,
    filesAdded: files.length,
    filesRemoved: touched.length,
    actions: [
      ...touched.map(({ file }) => ({ remove: removeOf(file, base.now) })),
      ...files.map((add) => ({ add })),
      ...cdc,
    ],
    read: readOf(touched, where),
  };
}

/** A predicate for the history, in the manner of SQL. */
export function predicateText(where: Predicate): string {
  const operators = { eq: "=", gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;
  const literal = (value: unknown): string =>
    typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value);
  const parts = Object.entries(where).flatMap(([column, given]) => {
    const condition = typeof given === "object" ? given : { eq: given };
    return Object.entries(condition).map(([name, value]: [string, unknown]) => {
      if (name === "null") return `${column} IS ${value === true ? "" : "NOT "}NULL`;
      if (name === "in") return `${column} IN (${(value as readonly unknown[]).map(literal).join(", ")})`;
      if (name === "at")
        return `${column} AT ${JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner))}`;
      return `${column} ${operators[name as keyof typeof operators]} ${literal(value)}`;
    });
  });
  return parts.length === 0 ? "true" : parts.join(" AND ");
}
