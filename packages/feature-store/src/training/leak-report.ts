import type { FeatureColumn } from "../offline/feature-column.ts";

/** What a join on event time alone would have leaked: values that were not known yet at the time of the label. */
export interface LeakReport {
  readonly rows: number;
  /** Rows of which at least one feature would have been another. */
  readonly leakedRows: number;
  /** Rows that would have been another, by feature; features of views without `knownAt` are not in it. */
  readonly features: Readonly<Record<string, number>>;
}

/** Counts part by part of the rows, and within a part view by view, so that only one view's leaky columns are in memory. */
export class LeakCount {
  readonly #features: Record<string, number> = {};
  #rows = 0;
  #leakedRows = 0;
  #leaked = new Uint8Array(0);

  /** Begins a part of so many rows. */
  begin(rows: number): void {
    this.#settle();
    this.#rows += rows;
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
      this.#features[column.name] = (this.#features[column.name] ?? 0) + different;
    });
  }

  report(): LeakReport {
    this.#settle();
    return { rows: this.#rows, leakedRows: this.#leakedRows, features: { ...this.#features } };
  }

  #settle(): void {
    for (const leaked of this.#leaked) this.#leakedRows += leaked;
    this.#leaked = new Uint8Array(0);
  }
}
