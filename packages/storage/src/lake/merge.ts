import type { Data, RecordBatch } from "apache-arrow";
import { storageError } from "../errors.ts";
import { batchOf, takeRows } from "../parquet/batch.ts";
import type { Value } from "../parquet/column-type.ts";
import type { Predicate } from "../parquet/predicate.ts";
import type { AddFile } from "./actions.ts";
import { assign, type Assignment, assignmentsOf, type Row, rowReader } from "./assign.ts";
import { type Base, change, type ChangeOptions, type Planned, removeOf } from "./change.ts";
import { ChangeData } from "./change-data.ts";
import { planOf, readDataFile } from "./data-file.ts";
import { fitted } from "./evolve.ts";
import { fileMatcher } from "./file-match.ts";
import { type HoldOptions, type HoldTarget, severityFor } from "./held.ts";
import type { Rows } from "./intake.ts";
import { isRepeated } from "./commit.ts";
import { keyColumns, keyReader, type MergeSource, mergeSource } from "./merge-source.ts";
import { assertOneOf } from "./option-check.ts";
import { countRows, defaultFileSize, rowsForSize, type TouchedFile, wholeFile } from "./rewrite.ts";
import { RowHold, type RowHoldTry } from "./row-hold.ts";
import { arrange, type TableColumn } from "./schema.ts";
import type { LakeContext, Stage } from "./stage.ts";

/** What a column is set to where rows match: a value, or a function of the table's row and the one to merge. */
export type MergeValue = Value | null | ((target: Row, source: Row) => Value | null);

export interface MergeOptions extends ChangeOptions, HoldOptions {
  /** The columns that tell which rows are the same. A null in one of them matches nothing. */
  readonly on: readonly string[];
  /**
   * Where a row of the table has the key of a row to merge: `update` takes over the columns that the rows have, `delete`
   * deletes it, `set` sets columns where `where` holds, `ignore` leaves it. @default "update"
   */
  readonly whenMatched?:
    | "update"
    | "delete"
    | "ignore"
    | {
        readonly set: Readonly<Record<string, MergeValue>>;
        readonly where?: (target: Row, source: Row) => boolean;
      };
  /** Rows whose key the table does not have; columns that they lack become null. @default "insert" */
  readonly whenNotMatched?: "insert" | "ignore";
  /** Rows of the table whose key is not among the rows. `delete` reads the whole table. @default "ignore" */
  readonly whenNotMatchedBySource?: "delete" | "ignore";
}

export interface MergeCounts {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** Rows that went to the quarantine: they were not inserted, or a row of the table stayed as it was. */
  readonly quarantined: number;
  /** Rows written again as they were, because they stood in a file with a changed one. */
  readonly copied: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
}

export type MergeResult = { readonly version: number } & MergeCounts;

const names = {
  inserted: "numTargetRowsInserted",
  updated: "numTargetRowsUpdated",
  deleted: "numTargetRowsDeleted",
  quarantined: "numQuarantinedRows",
  copied: "numTargetRowsCopied",
  filesAdded: "numTargetFilesAdded",
  filesRemoved: "numTargetFilesRemoved",
} as const;

/** Merges rows. See `LakeTable.merge`. */
export async function merge(target: HoldTarget, rows: Rows, options: MergeOptions): Promise<MergeResult> {
  const { context, name } = target;
  const { on, signal } = options;
  assertClauses(options);
  const { state } = await context.states.read(name, signal ? { signal } : {});
  if (state.definition === undefined) throw storageError("TABLE_NOT_FOUND", { table: name });
  const { definition } = state;
  const json = severityFor(target, state, options) === "quarantine" ? "held" : "refused";
  const given = isRepeated(state, options.transaction) ? [] : rows;
  const source = await mergeSource(context.codec, name, definition, on, given, { json, signal });
  const hold = new RowHold(target, options);
  return change<MergeCounts & Record<string, number>>(target, options, names, async (base) => {
    const one = new Merge(context, name, base, source, { ...options, json });
    await using held = await hold.begin(base, {
      rows: "brought",
      jsonChecked: json === "refused",
      remaining: (columns) => one.remaining(columns),
    });
    return await one.plan(held);
  });
}

function assertClauses({ whenMatched, whenNotMatched, whenNotMatchedBySource }: MergeOptions): void {
  if (typeof whenMatched !== "object") assertOneOf("whenMatched", whenMatched, ["update", "delete", "ignore"]);
  assertOneOf("whenNotMatched", whenNotMatched, ["insert", "ignore"]);
  assertOneOf("whenNotMatchedBySource", whenNotMatchedBySource, ["delete", "ignore"]);
}

/** `json`: whether texts for JSON columns are checked as they are set, or by the expectations. */
type MergeTry = MergeOptions & { readonly json: "refused" | "held" };

/** One try of a merge. */
class Merge {
  readonly #context: LakeContext;
  readonly #table: string;
  readonly #base: Base;
  readonly #source: MergeSource;
  readonly #options: MergeTry;
  readonly #on: readonly TableColumn[];
  readonly #assignments: readonly Assignment[];
  readonly #where: ((target: Row, source: Row) => boolean) | undefined;
  readonly #matched: Uint8Array;
  readonly #counts = { inserted: 0, updated: 0, deleted: 0 };

  constructor(context: LakeContext, table: string, base: Base, source: MergeSource, options: MergeTry) {
    this.#context = context;
    this.#table = table;
    this.#base = base;
    this.#source = source;
    this.#options = options;
    const { columns } = base.definition;
    this.#on = keyColumns(columns, options.on);
    const { whenMatched } = options;
    this.#assignments = typeof whenMatched === "object" ? assignmentsOf(table, columns, whenMatched.set, options) : [];
    this.#where = typeof whenMatched === "object" ? whenMatched.where : undefined;
    this.#matched = new Uint8Array(source.rows.numRows);
  }

  /** What may hold a row that changes. */
  get #reach(): Predicate {
    return this.#options.whenNotMatchedBySource === "delete" ? {} : this.#source.where;
  }

  /** The rows of the table that the merge leaves as they are. */
  async *remaining(wanted: readonly string[]): AsyncGenerator<RecordBatch> {
    const { state, definition, signal } = this.#base;
    const mayChange = fileMatcher(definition, this.#reach);
    const read = this.#where === undefined ? [...new Set([...wanted, ...this.#options.on])] : undefined;
    const plan = planOf(state, definition, read);
    for (const file of state.files.values()) {
      const asks = mayChange(file);
      for await (const batch of readDataFile(this.#context, plan, file, signal)) {
        yield asks ? takeRows(batch, this.#sort(batch).kept) : batch;
      }
    }
  }

  async plan(held: RowHoldTry): Promise<Planned<MergeCounts & Record<string, number>>> {
    const { state, definition, stages, signal, now } = this.#base;
    const where = this.#reach;
    const candidates = [...state.files.values()].filter(fileMatcher(definition, where));
    const touched = await this.#touched(candidates);
    const { columns, partitionBy } = definition;
    const written = stages.open({ columns, partitionBy, fileRows: rowsForSize(touched, defaultFileSize) });
    const changes = new ChangeData(this.#base);
    for (const { file } of touched) {
      for await (const batch of wholeFile(this.#context, this.#base, file))
        await this.#rewrite(batch, held, written, changes);
    }
    const copied = written.rows - this.#counts.updated;
    await this.#insert(held, written, changes);
    const files = await written.finish(signal);
    const info = files.length + touched.length + held.quarantined === 0 ? {} : await held.finish();
    const { quarantined } = held;
    return {
      operation: "MERGE",
      parameters: { predicate: JSON.stringify(this.#options.on.map((name) => `target.${name} = source.${name}`)) },
      info,
      metrics: { ...this.#counts, quarantined, copied, filesAdded: files.length, filesRemoved: touched.length },
      actions: [
        ...touched.map(({ file }) => ({ remove: removeOf(file, now) })),
        ...files.map((add) => ({ add })),
        ...(await changes.finish(signal)),
      ],
      // Rows that do not match decide too, so that every file that may hold one was read for.
      read: { files: new Set(candidates.map((file) => file.path)), where },
      dataChange: true,
    };
  }

  /** The files with a row that changes. Marks the rows to merge that the table has. @throws MERGE_AMBIGUOUS */
  async #touched(candidates: readonly AddFile[]): Promise<TouchedFile[]> {
    const { state, definition, signal } = this.#base;
    const columns = this.#where === undefined ? this.#options.on : undefined;
    const plan = planOf(state, definition, columns === undefined ? undefined : [...new Set(columns)]);
    const touched: TouchedFile[] = [];
    for (const file of candidates) {
      signal?.throwIfAborted();
      let matched = 0;
      for await (const batch of readDataFile(this.#context, plan, file, signal)) {
        const { updated, deleted } = this.#sort(batch);
        matched += updated.rows.length + deleted.length;
      }
      if (matched > 0) touched.push({ file, rows: await countRows(this.#context, state, file), matched });
    }
    return touched;
  }

  /** What becomes of the rows of a batch. */
  #sort(batch: RecordBatch): {
    readonly kept: Int32Array;
    readonly updated: { readonly rows: Int32Array; readonly sources: Int32Array };
    readonly deleted: Int32Array;
  } {
    const { whenMatched = "update", whenNotMatchedBySource = "ignore" } = this.#options;
    const keyOf = keyReader(batch, this.#on);
    const holds = this.#condition(batch);
    const [kept, updated, sources, deleted]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let row = 0; row < batch.numRows; row++) {
      const key = keyOf(row);
      const source = key === undefined ? undefined : this.#source.rowOf(key);
      if (source === undefined) (whenNotMatchedBySource === "delete" ? deleted : kept).push(row);
      else {
        this.#matched[source] = 1;
        if (whenMatched !== "ignore") this.#assertOne(source);
        if (whenMatched === "delete") deleted.push(row);
        else if (whenMatched === "ignore" || !holds(row, source)) kept.push(row);
        else sources[updated.push(row) - 1] = source;
      }
    }
    const rows = (numbers: readonly number[]): Int32Array => Int32Array.from(numbers);
    return { kept: rows(kept), updated: { rows: rows(updated), sources: rows(sources) }, deleted: rows(deleted) };
  }

  #condition(batch: RecordBatch): (row: number, source: number) => boolean {
    const where = this.#where;
    if (where === undefined) return () => true;
    const [target, source] = [rowReader(batch), rowReader(this.#source.rows)];
    return (row, other) => {
      const holds: unknown = where(target(row), source(other));
      if (typeof holds === "boolean") return holds;
      const rule = "it must say true or false, at once";
      throw storageError("OPTION_INVALID", { option: "whenMatched.where", value: `giving ${String(holds)}`, rule });
    };
  }

  #assertOne(source: number): void {
    const rows = this.#source.rowsLike(source);
    if (rows === 1) return;
    const row = rowReader(this.#source.rows)(source);
    const key = this.#options.on.map((name) => `${name} = ${String(row[name])}`).join(", ");
    throw storageError("MERGE_AMBIGUOUS", { table: this.#table, key, rows });
  }

  async #rewrite(batch: RecordBatch, held: RowHoldTry, written: Stage, changes: ChangeData): Promise<void> {
    const { signal } = this.#base;
    const { kept, updated, deleted } = this.#sort(batch);
    if (kept.length > 0) await written.write(takeRows(batch, kept), signal);
    if (deleted.length > 0 && changes.enabled) await changes.write("delete", takeRows(batch, deleted));
    this.#counts.deleted += deleted.length;
    if (updated.rows.length === 0) return;
    const before = takeRows(batch, updated.rows);
    const { kept: after, keptRows, aside } = await held.sift(this.#updated(before, updated.sources));
    if (aside.length > 0) await written.write(held.stay(before, aside), signal);
    if (after === undefined) return;
    this.#counts.updated += after.numRows;
    await written.write(after, signal);
    await changes.write("update_preimage", keptRows === undefined ? before : takeRows(before, keptRows));
    await changes.write("update_postimage", after);
  }

  #updated(before: RecordBatch, sources: Int32Array): RecordBatch {
    if (this.#assignments.length > 0) {
      const read = rowReader(this.#source.rows);
      return assign(before, this.#assignments, (row) => read(sources[row] ?? 0));
    }
    const taken = takeRows(this.#source.rows, sources);
    const at = new Map(taken.schema.fields.map((field, index) => [field.name, index]));
    const data = before.schema.fields.map((field, index) => {
      const own = at.get(field.name);
      // A naive timestamp is taken as UTC, as in an append.
      return own === undefined
        ? (before.data.children[index] as Data)
        : (taken.data.children[own] as Data).clone(field.type);
    });
    return batchOf(before.schema, data, before.numRows);
  }

  async #insert(held: RowHoldTry, written: Stage, changes: ChangeData): Promise<void> {
    if (this.#options.whenNotMatched === "ignore") return;
    const { rows, first } = this.#source;
    const missing = Int32Array.from(first.keys()).filter((row) => this.#matched[first[row] ?? -1] !== 1);
    const { columns } = this.#base.definition;
    for (let start = 0; start < missing.length; start += insertRows) {
      const part = takeRows(rows, missing.subarray(start, start + insertRows));
      const { kept } = await held.sift(arrange(this.#table, columns, fitted(this.#table, columns, part)));
      if (kept === undefined) continue;
      this.#counts.inserted += kept.numRows;
      await written.write(kept, this.#base.signal);
      await changes.write("insert", kept);
    }
  }
}

/** Rows that are inserted at a time. */
const insertRows = 65_536;
