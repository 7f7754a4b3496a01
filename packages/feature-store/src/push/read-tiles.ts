import type { FeatureView } from "../define/feature-view.ts";
import { longestReach, windowStart } from "../define/hop.ts";
import type { PushSource } from "../define/push-source.ts";
import type { Value } from "../define/value-type.ts";
import type { WindowFeature } from "../define/window.ts";
import { featureStoreError } from "../errors.ts";
import type { OnlineStore } from "../online/port.ts";
import { sweepEvents } from "./events-at-read.ts";
import { mergeHops } from "./merge-hops.ts";
import { tileLayoutOf } from "./push.ts";
import { spansOf, tileKey, tileNamespace } from "./tile-ring.ts";

/** The windows of some entities. */
export interface WindowValues {
  /** By feature, a value per entity. */
  readonly values: ReadonlyMap<string, readonly (Value | null)[]>;
  /** Per entity whether a tile has an event that can be seen. One that was seen before the tiles begin has none. */
  readonly seen: readonly boolean[];
}

/** The tiles of some entities that windows lie in: of each those of the same spans, one entity after the other. */
export interface ReadTiles {
  readonly view: FeatureView & { readonly push: PushSource };
  readonly entities: number;
  /** Undefined where there is none of that span. */
  readonly tiles: readonly (Uint8Array | undefined)[];
  /** Epoch microseconds. */
  readonly time: number;
}

/**
 * Computes windows as of `at` (epoch milliseconds) from tiles. Events are met by the code that computes windows over history,
 * and partial results are exact, so that the same events give the same bits.
 *
 * @throws READ_TOO_OLD when a tile that is asked for made room for a later one, or was merged with what came after
 */
export async function readWindows(
  view: FeatureView & { readonly push: PushSource },
  features: readonly string[],
  entities: readonly Uint8Array[],
  online: OnlineStore,
  { at, signal }: { readonly at: number; readonly signal?: AbortSignal | undefined },
): Promise<WindowValues> {
  const windows = features.filter((name) => view.features[name]?.kind === "window");
  if (windows.length === 0 || entities.length === 0) return { values: new Map(), seen: [] };
  const layout = tileLayoutOf(view);
  const merged = windows.filter((name) => layout.plan.features.has(name));
  const swept = windows.filter((name) => !layout.plan.features.has(name));
  const time = Math.floor(at * 1000);
  const spanOf = (name: string): WindowFeature => view.features[name] as WindowFeature;
  const spans = spansOf(view.push, Math.min(...windows.map((name) => windowStart(spanOf(name), time))), time);
  const keys = entities.flatMap((entity) => spans.map((span) => tileKey(view.push, entity, span)));
  const { vectors } = await online.read(tileNamespace(view), keys, { signal });
  const tooOld = (): Error => featureStoreError("READ_TOO_OLD", { view: view.name, at });
  // What was merged is no longer told apart: all of it must be seen, and lie before every window that wants events.
  const mergedAtMost = time - Math.max(0, ...swept.map((name) => longestReach(spanOf(name))));
  const tiles = vectors.map((tile, i) => {
    if (tile === undefined) return undefined;
    const wanted = spans[i % spans.length] as number;
    const span = layout.span(tile);
    if (span > wanted) throw tooOld();
    if (span < wanted) return undefined;
    if (layout.mergedBy(tile) > mergedAtMost) throw tooOld();
    return tile;
  });
  const read: ReadTiles = { view, entities: entities.length, tiles, time };
  if (!layout.merges) return sweepEvents(read, swept);
  const fromHops = mergeHops(read, merged);
  if (swept.length === 0) return fromHops;
  const { values } = sweepEvents(read, swept);
  return { values: new Map([...values, ...fromHops.values]), seen: fromHops.seen };
}
