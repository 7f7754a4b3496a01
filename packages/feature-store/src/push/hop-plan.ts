import type { FeatureView } from "../define/feature-view.ts";
import { isMerged } from "../define/push-source.ts";
import type { WindowFeature } from "../define/window.ts";
import { type Respect, respectOf } from "../partial/respect.ts";

/** The partial results that are kept of each hop of one length. */
export interface HopGroup {
  /** Microseconds. */
  readonly hop: number;
  readonly respects: Respect[];
}

/** A windowed feature that is had from partial results. */
export interface MergedFeature {
  readonly feature: WindowFeature;
  /** Which group, and which of its respects. */
  readonly group: number;
  readonly respect: number;
}

export interface HopPlan {
  readonly groups: readonly HopGroup[];
  readonly features: ReadonlyMap<string, MergedFeature>;
}

/** What is kept of the hops of a view: nothing in one whose events are kept alone. */
export function hopPlan(view: FeatureView): HopPlan {
  const groups: HopGroup[] = [];
  const features = new Map<string, MergedFeature>();
  if (view.push?.hop === undefined) return { groups, features };
  for (const [name, feature] of Object.entries(view.features)) {
    if (feature.kind !== "window" || feature.hop === undefined || !isMerged(feature)) continue;
    const respect = respectOf(feature.of) as Respect;
    let group = groups.findIndex(({ hop }) => hop === feature.hop);
    if (group < 0) group = groups.push({ hop: feature.hop, respects: [] }) - 1;
    const { respects } = groups[group] as HopGroup;
    let place = respects.findIndex(({ id }) => id === respect.id);
    if (place < 0) place = respects.push(respect) - 1;
    features.set(name, { feature, group, respect: place });
  }
  return { groups, features };
}
