import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import type { FeatureService } from "../define/service.ts";
import { type BackfillContext, change, placeOf } from "./backfill.ts";
import { type Copy, namespaceOfCopy, sameCopy, type ServingRecord } from "./serving-record.ts";

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
  // Marked first: a backfill goes on with no copy that is on its way out.
  const { due, kept } = await change(online, view, async (record) => {
    const isDue = (copy: ServingRecord["retired"][number]): boolean =>
      copy.removing === true ||
      (copy.at + graceMs <= now() &&
        !(pinned.has(copy.version) && isCurrent(record, copy)) &&
        !(record.building !== null && sameCopy(record.building, copy)));
    const found = { due: record.retired.filter(isDue), kept: record.retired.filter((copy) => !isDue(copy)) };
    if (found.due.every((copy) => copy.removing === true)) return { result: found };
    const retired = record.retired.map((copy) => (isDue(copy) ? { ...copy, removing: true } : copy));
    return { result: found, next: { ...record, retired } };
  });
  for (const copy of due) {
    signal?.throwIfAborted();
    const namespace = namespaceOfCopy(view.name, copy);
    await online.clear(namespace, { signal });
    await online.clear(`${namespace}.tiles`, { signal });
    // After each: what is cut short is done again.
    await change(online, view, async (record) => ({
      result: undefined,
      next: { ...record, retired: record.retired.filter((each) => !sameCopy(each, copy)) },
    }));
  }
  return { removed: due.map(placeOf), kept: kept.map(placeOf) };
}

/** Whether it is the copy by which its version is read. */
const isCurrent = ({ generations }: ServingRecord, copy: Copy): boolean =>
  (generations[copy.version] ?? 0) === copy.generation;
