import type { FeatureView } from "../define/feature-view.ts";
import { sameValue, type Value } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import type { KeyPart } from "../offline/key-dictionary.ts";
import type { OfflineEngine } from "../offline/port.ts";
import type { OnlineStore } from "../online/port.ts";
import { type FindServed, type Reading, readOnline } from "../serve/read.ts";
import { type Cell, fromRows } from "../source/rows.ts";
import { makeTrainingSet } from "../training/training-set.ts";

export interface ParityOptions {
  /** How many entities of the view's source are compared, spread evenly over them. @default 1000 */
  readonly sample?: number;
  /** Epoch milliseconds to compare at. @default up to when the view is materialised */
  readonly at?: number;
  readonly signal?: AbortSignal;
}

/** One value that is not the same in both. */
export interface ParityDifference {
  readonly entity: Readonly<Record<string, KeyPart>>;
  readonly feature: string;
  readonly offline: Value | null;
  readonly online: Value | null;
  readonly status: Reading["status"];
}

/** How the online store compares with the point-in-time join at one moment. */
export interface ParityReport {
  readonly view: string;
  readonly at: number;
  readonly entities: number;
  /** Values compared. */
  readonly values: number;
  /** Values that are the same to the bit. */
  readonly exact: number;
  /** Floats that differ by no more than a billionth of themselves: sums that were added in another order. */
  readonly rounded: number;
  /** Values that differ, and the first twenty of them. */
  readonly different: number;
  readonly differences: readonly ParityDifference[];
}

const mostDifferences = 20;
const timeColumn = "__at";

/**
 * Reads a sample of entities online and computes the same features from history. An expired value is a null offline.
 *
 * @throws MATERIALIZE_INVALID for a view that was never materialised, where no time is given
 */
export async function checkParity(
  view: FeatureView,
  offline: OfflineEngine,
  online: OnlineStore,
  { sample = 1000, at: asked, signal }: ParityOptions,
  serving: FindServed,
): Promise<ParityReport> {
  const { namespace } = await serving(view);
  const at = asked ?? (await online.watermark(namespace));
  const invalid = (value: unknown, rule: string): Error =>
    featureStoreError("MATERIALIZE_INVALID", { view: view.name, value, rule });
  if (at === undefined) throw invalid(at, "it was never materialised, so there is no time to compare at");
  if (!Number.isSafeInteger(at)) throw invalid(at, "it is no whole number of milliseconds");
  if (!Number.isSafeInteger(sample) || sample < 1) throw invalid(sample, "a sample is at least one entity");
  const entities = sampled(view, (await offline.timeline(view, { signal })).keys, sample);
  const differences: ParityDifference[] = [];
  const counts = { values: 0, exact: 0, rounded: 0, different: 0 };
  if (entities.length > 0) {
    const features = [`${view.name}:*`];
    const labels = fromRows(
      "parity",
      entities.map((entity) => ({ ...cells(entity), [timeColumn]: new Date(at) })),
    );
    const truth = await makeTrainingSet(offline, [view], {
      labels,
      time: timeColumn,
      features,
      ...(signal && { signal }),
    });
    const rows = await readOnline([view], online, { entities, features, at, signal }, serving);
    rows.forEach((row, i) => {
      const wanted = truth.row(i) as Readonly<Record<string, Value | null>>;
      for (const [feature, { value, status }] of Object.entries(row)) {
        const expected = wanted[feature] ?? null;
        counts.values++;
        if (sameValue(value, expected)) counts.exact++;
        else if (isRounded(value, expected)) counts.rounded++;
        else if (counts.different++ < mostDifferences) {
          differences.push({ entity: entities[i] ?? {}, feature, offline: expected, online: value, status });
        }
      }
    });
  }
  return { view: view.name, at, entities: entities.length, ...counts, differences };
}

function sampled(
  view: FeatureView,
  keys: { readonly size: number; key(code: number): readonly KeyPart[] },
  sample: number,
): Record<string, KeyPart>[] {
  const count = Math.min(sample, keys.size);
  return Array.from({ length: count }, (_, i) => {
    const parts = keys.key(Math.floor((i * keys.size) / count));
    return Object.fromEntries(view.keys.map(({ name }, k) => [name, parts[k] as KeyPart]));
  });
}

/** As labels have them: an integer key is a bigint in a column of integers. */
function cells(entity: Readonly<Record<string, KeyPart>>): Record<string, Cell> {
  return Object.fromEntries(
    Object.entries(entity).map(([name, part]) => [name, typeof part === "number" ? BigInt(part) : part]),
  );
}

function isRounded(a: Value | null, b: Value | null): boolean {
  if (typeof a !== "number" || typeof b !== "number") return false;
  return Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}
