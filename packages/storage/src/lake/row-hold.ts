import type { RecordBatch } from "apache-arrow";
import type { Inspection } from "../expect/inspection.ts";
import { quarantineBatch, type QuarantineFacts } from "../expect/quarantine.ts";
import { commitInfoOf, type ExpectationResult } from "../expect/result.ts";
import { takeRows } from "../parquet/batch.ts";
import type { AddFile } from "./actions.ts";
import type { AppendTransaction } from "./commit.ts";
import type { Base } from "./change.ts";
import { holdExpectations, type Holding, type HoldOptions, type HoldTarget } from "./held.ts";
import { commitQuarantine, quarantineStage } from "./quarantine.ts";
import { complement } from "./select.ts";
import type { Stage } from "./stage.ts";

export type RowHoldOptions = HoldOptions & { readonly transaction?: AppendTransaction };

/** Rows of a batch by what becomes of them: numbers, in ascending order. */
export interface Sifted {
  /** The rows that may be written; undefined where none may. */
  readonly kept: RecordBatch | undefined;
  /** Undefined where all rows are kept. */
  readonly keptRows: Int32Array | undefined;
  /** The rows that were set aside. */
  readonly aside: Int32Array;
}

const none = new Int32Array(0);

/** What is expected of the rows that a row operation changes or brings; begun anew with each of its tries. */
export class RowHold {
  readonly #target: HoldTarget;
  readonly #options: RowHoldOptions;
  readonly #run: string;
  #setAside: readonly AddFile[] | undefined;

  constructor(target: HoldTarget, options: RowHoldOptions) {
    this.#target = target;
    this.#options = options;
    this.#run = options.run ?? crypto.randomUUID();
  }

  /** @throws EXPECTATION_INVALID, COLUMN_UNKNOWN, PREDICATE_INVALID */
  async begin(base: Base, holding: Holding): Promise<RowHoldTry> {
    const { columns } = base.definition;
    const call = { ...this.#options, ...(base.signal ? { signal: base.signal } : {}) };
    const { inspected, expected, now, notHeld } = await holdExpectations(
      this.#target,
      base.state,
      columns,
      call,
      holding,
    );
    const bad = quarantineStage(this.#target.context, this.#target.name, columns);
    const commitBad = async (): Promise<void> => {
      const { transaction } = this.#options;
      const context = { now: base.now, signal: base.signal, transaction };
      this.#setAside = await commitQuarantine(this.#target, bad, columns, context, this.#setAside);
    };
    const facts = { version: base.state.version, now, run: this.#run };
    return new RowHoldTry({ inspected: expected === 0 ? undefined : inspected, notHeld, bad, facts, commitBad });
  }
}

interface RowHoldParts {
  /** Undefined where nothing is expected. */
  readonly inspected: Inspection | undefined;
  readonly notHeld: readonly ExpectationResult[];
  readonly bad: Stage;
  readonly facts: QuarantineFacts;
  readonly commitBad: () => Promise<void>;
}

export class RowHoldTry implements AsyncDisposable {
  readonly #inspected: Inspection | undefined;
  readonly #notHeld: readonly ExpectationResult[];
  readonly #bad: Stage;
  readonly #facts: QuarantineFacts;
  readonly #commitBad: () => Promise<void>;

  constructor({ inspected, notHeld, bad, facts, commitBad }: RowHoldParts) {
    this.#inspected = inspected;
    this.#notHeld = notHeld;
    this.#bad = bad;
    this.#facts = facts;
    this.#commitBad = commitBad;
  }

  /** Rows that were set aside so far. */
  get quarantined(): number {
    return this.#bad.rows;
  }

  /** Holds rows as they are to be written. @throws EXPECTATION_FAILED */
  async sift(batch: RecordBatch): Promise<Sifted> {
    const { kept, quarantined } = this.#inspected?.inspect(batch) ?? { kept: batch };
    if (quarantined === undefined) return { kept, keptRows: undefined, aside: none };
    await this.#bad.write(quarantineBatch(quarantined, this.#facts));
    const { numbers: aside } = quarantined;
    return { kept, keptRows: complement(batch.numRows, aside), aside };
  }

  /** Sees the rows of the table that stay as they were, for what was to become of them is set aside. @throws EXPECTATION_FAILED */
  stay(batch: RecordBatch, rows: Int32Array): RecordBatch {
    const staying = takeRows(batch, rows);
    this.#inspected?.stay(staying);
    return staying;
  }

  /**
   * Commits what was set aside, and answers what the version notes of the expectations.
   *
   * @throws TABLE_EXPECTATION_FAILED
   */
  async finish(): Promise<Readonly<Record<string, string>>> {
    const results = [...(this.#inspected?.finish() ?? []), ...this.#notHeld];
    await this.#commitBad();
    return commitInfoOf(this.#facts.run, results);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bad[Symbol.asyncDispose]();
  }
}
