import type { Field } from "apache-arrow";
import { featureStoreError } from "../errors.ts";
import { readColumn } from "../offline/arrow-columns.ts";
import type { ColumnData } from "../offline/column-data.ts";
import { type Batches, batchesOf, type ScanOptions } from "./batches.ts";
import { Frequent } from "./frequent.ts";
import { categoryCounts } from "./profile.ts";
import { Reservoir } from "./reservoir.ts";

/** How the values of one column are spread: a sample of numbers, or counts of categories. */
export type Distribution = NumberDistribution | CategoryDistribution;

export interface NumberDistribution {
  readonly kind: "number";
  readonly count: number;
  /** NaN and infinities among them: they have no place on the line. */
  readonly nulls: number;
  /** Ascending. */
  readonly sample: Float64Array;
}

export interface CategoryDistribution {
  readonly kind: "category";
  readonly count: number;
  readonly nulls: number;
  readonly counts: ReadonlyMap<string | boolean, number>;
}

const mostCategories = 4096;

/** Columns by name, or those of a batch's that a function picks. */
export type ColumnChoice = readonly string[] | ((fields: readonly Field[]) => readonly string[]);

/** The distributions of some columns in one pass. @throws COLUMN_MISSING, COLUMN_TYPE_MISMATCH */
export async function distributions(
  from: Batches,
  columns: ColumnChoice,
  size: number,
  options: ScanOptions,
): Promise<Map<string, Distribution>> {
  const found = new Map<string, Collected>();
  for await (const batch of batchesOf(from, options)) {
    // Without rows it may have no columns either.
    if (batch.numRows === 0) continue;
    for (const name of typeof columns === "function" ? columns(batch.schema.fields) : columns) {
      const data = readColumn([batch], name, "the batch");
      if (data.kind === "vector") {
        const wanted = "numbers or categories, whose distribution has bins";
        throw featureStoreError("COLUMN_TYPE_MISMATCH", { column: name, table: "the batch", found: "vectors", wanted });
      }
      const collected = found.get(name) ?? new Collected(size);
      found.set(name, collected);
      collected.add(data);
    }
  }
  return new Map([...found].map(([name, collected]) => [name, collected.distribution()]));
}

class Collected {
  readonly #sample: Reservoir;
  readonly #frequent = new Frequent<string | boolean>(mostCategories);
  #categories = false;
  #count = 0;
  #nulls = 0;

  constructor(size: number) {
    this.#sample = new Reservoir(size);
  }

  add(data: ColumnData): void {
    this.#count += data.values.length;
    if (data.kind === "string" || data.kind === "boolean") {
      this.#categories = true;
      for (const [value, times] of categoryCounts(data)) {
        if (value === null) this.#nulls += times;
        else this.#frequent.add(value, times);
      }
      return;
    }
    for (let row = 0; row < data.values.length; row++) {
      const value = data.valid?.[row] === 0 ? Number.NaN : Number(data.values[row]);
      if (Number.isFinite(value)) this.#sample.add(value);
      else this.#nulls++;
    }
  }

  distribution(): Distribution {
    const shared = { count: this.#count, nulls: this.#nulls };
    if (!this.#categories) return { kind: "number", ...shared, sample: this.#sample.sorted() };
    const counts = new Map(this.#frequent.top(mostCategories).map(({ value, count }) => [value, count]));
    return { kind: "category", ...shared, counts };
  }
}
