import type { FeatureColumn } from "../offline/feature-column.ts";

/** What a join on event time alone would have leaked: values that were not known yet at the time of the label. */
export interface LeakReport {
  readonly rows: number;
  /** Rows of which at least one feature would have been another. */
  readonly leakedRows: number;
  /** Rows that would have been another, by feature; features of views without `knownAt` are not in it. */
  readonly features: Readonly<Record<string, number>>;
}

/** Counts, view by view, so that only one view's leaky columns are in memory at a time. */
export class LeakCount {
  readonly #leaked: Uint8Array;
  readonly #features: Record<string, number> = {};

  constructor(rows: number) {
    this.#leaked = new Uint8Array(rows);
  }

  compare(known: readonly FeatureColumn[], leaky: readonly FeatureColumn[]): void {
    known.forEach((column, i) => {
      let different = 0;
      for (let row = 0; row < column.length; row++) {
        if (!column.differs(leaky[i] as FeatureColumn, row)) continue;
        different++;
        this.#leaked[row] = 1;
      }
      this.#features[column.name] = different;
    });
  }

  report(): LeakReport {
    let leakedRows = 0;
    for (const leaked of this.#leaked) leakedRows += leaked;
    return { rows: this.#leaked.length, leakedRows, features: { ...this.#features } };
  }
}
