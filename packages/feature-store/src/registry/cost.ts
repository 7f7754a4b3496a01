import type { FeatureView } from "../define/feature-view.ts";
import { longestReach } from "../define/hop.ts";
import type { View } from "../define/selection.ts";

/** What bringing a new version of a view online takes: at most, since a source may read less. */
export interface Backfill {
  /** How far back values can reach, in milliseconds: the ttl or the widest window, whichever is longer. */
  readonly lookBackMs: number | "forever";
  /** Epoch milliseconds of the oldest event that can still count; null for the very first. */
  readonly from: number | null;
  readonly until: number;
  /** Rows and bytes of the whole source; null where it does not tell. */
  readonly rows: number | null;
  readonly bytes: number | null;
}

/** @returns null for an on-demand view, of which nothing is stored */
export async function backfill(view: View, now: number): Promise<Backfill | null> {
  if (view.kind === "on-demand") return null;
  const micros = reach(view);
  const found = await view.source.statistics?.();
  return {
    lookBackMs: micros === Infinity ? "forever" : Math.ceil(micros / 1000),
    from: micros === Infinity ? null : now - Math.ceil(micros / 1000),
    until: now,
    rows: found?.rows ?? null,
    bytes: found?.bytes ?? null,
  };
}

function reach({ ttl, features }: FeatureView): number {
  const all = Object.values(features);
  const plain = all.some(({ kind }) => kind === "column") ? ttl : 0;
  return all.reduce((most, each) => (each.kind === "window" ? Math.max(most, longestReach(each)) : most), plain);
}
