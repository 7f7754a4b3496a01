import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import type { FeatureService } from "../define/service.ts";
import { type BackfillContext, change, placeOf } from "./backfill.ts";
import { type Copy, namespaceOfCopy, readRecord } from "./serving-record.ts";

export interface RemoveRetiredOptions {
  /** Services whose pinned versions stay, whatever serves by name. @default none */
  readonly keep?: readonly FeatureService[];
  /** Milliseconds since a copy ceased to serve, before it may go: reads that began by then are over. @default 60_000 */
  readonly graceMs?: number;
  readonly signal?: AbortSignal;
}

export interface RemovedCopies {
  readonly removed: readonly Copy[];
  /** Those that are too young, or that a service pins. */
  readonly kept: readonly Copy[];
}

/** @see FeatureStore.removeRetired */
export async function removeRetired(
  { online, now }: BackfillContext,
  view: FeatureView,
  { keep = [], graceMs = 60_000, signal }: RemoveRetiredOptions,
): Promise<RemovedCopies> {
  if (!(graceMs >= 0)) {
    throw featureStoreError("MATERIALIZE_INVALID", {
      view: view.name,
      value: graceMs,
      rule: "a grace is not negative",
    });
  }
  const pinned = new Set(keep.map(({ pins }) => pins[view.name]?.slice(0, 16)));
  const { record } = await readRecord(online, view.name, signal);
  const serves = (copy: Copy): boolean => (record.generations[copy.version] ?? 0) === copy.generation;
  const due = record.retired.filter((copy) => {
    return copy.at + graceMs <= now() && !(pinned.has(copy.version) && serves(copy)) && !isServing(record, copy);
  });
  for (const copy of due) {
    const namespace = namespaceOfCopy(view.name, copy);
    await online.clear(namespace, { signal });
    await online.clear(`${namespace}.tiles`, { signal });
    // After each: what is cut short is done again.
    await change(online, view, async (found) => ({
      result: undefined,
      next: { ...found, retired: found.retired.filter((each) => !same(each, copy)) },
    }));
  }
  const kept = record.retired.filter((copy) => !due.includes(copy));
  return { removed: due.map(placeOf), kept: kept.map(placeOf) };
}

const same = (a: Copy, b: Copy): boolean => a.version === b.version && a.generation === b.generation;

/** A version that was brought back serves again. */
const isServing = (
  record: { readonly serving: string | null; readonly generations: Readonly<Record<string, number>> },
  copy: Copy,
): boolean => record.serving === copy.version && (record.generations[copy.version] ?? 0) === copy.generation;
