import { featureStoreError } from "../errors.ts";
import { type Duration, durationMicros } from "./duration.ts";
import type { Features } from "./feature-view.ts";
import { hopStart, longestReach } from "./hop.ts";
import type { WindowFeature } from "./window.ts";

/** That a view takes events one by one as they happen, and how it keeps them. */
export interface PushSource {
  /** The column that names an event: one that comes again has no further effect. */
  readonly id: string;
  /** How much of an entity's time one tile holds, in microseconds. */
  readonly tile: number;
  /** How far back the longest window reaches, in microseconds; 0 for none, and then no tiles are kept. */
  readonly reach: number;
  /** How many tiles an entity has: enough that one is used anew only when every window has left it. */
  readonly tiles: number;
  /**
   * For how long after it happened and was known an event is kept itself, in microseconds. Then it is merged into the partial
   * results of its hops. Infinity: as long as a window shows it.
   */
  readonly keep: number;
  /** The shortest hop of which partial results are kept, in microseconds; undefined: events are kept alone. */
  readonly hop: number | undefined;
}

export interface PushSourceOptions {
  readonly id: string;
  /** Default an eighth of the longest window, and at least ten seconds; a multiple of every hop. */
  readonly tile?: Duration;
  /**
   * How late an event may come, after it happened and was known: default `"1h"`. In a view with windows that hop, it is told
   * from its repeats for so long, and a read may be as of so long ago. One that comes later is counted as late, and has no
   * effect on windows until history is materialised. Views whose windows are exact take events as long as a window shows them.
   */
  readonly allowedLateness?: Duration;
}

const most = 200;

/** How far the clock of who pushes may run ahead of ours, in microseconds. */
export const clockSkew = 60_000_000;

/** Whether a window can be had from partial results of its hops. */
export const isMerged = ({ hop, of }: WindowFeature): boolean =>
  hop !== undefined && of.aggregate !== "countDistinct" && of.aggregate !== "quantile";

/** @throws DEFINITION_INVALID for an endless window, a column without a name, tiles that are too many, or that cut a hop */
export function pushSource(view: string, features: Features, options: PushSourceOptions): PushSource {
  const invalid = (value: unknown, rule: string): Error =>
    featureStoreError("DEFINITION_INVALID", { of: `The push source of "${view}"`, value, rule });
  if (typeof options.id !== "string" || options.id === "") throw invalid(options.id, "id names a column");
  let reach = 0;
  let exactReach = 0;
  const hops = new Set<number>();
  for (const [name, feature] of Object.entries(features)) {
    if (feature.kind !== "window") continue;
    if (feature.width === Infinity) throw invalid(name, "an endless window would have to keep every event");
    reach = Math.max(reach, longestReach(feature));
    if (feature.hop !== undefined && isMerged(feature)) hops.add(feature.hop);
    else exactReach = Math.max(exactReach, longestReach(feature));
  }
  const lateness = durationMicros(options.allowedLateness ?? "1h", `allowedLateness of "${view}"`);
  const kept = lateness + exactReach;
  const merges = hops.size > 0 && kept < reach;
  const whole = merges ? [...hops].reduce(leastCommonMultiple) : 1;
  if (merges && whole > reach) throw invalid([...hops], "its hops have no common multiple within the longest window");
  const tile =
    options.tile === undefined
      ? Math.ceil(Math.max(10_000_000, Math.ceil(reach / 8)) / whole) * whole
      : durationMicros(options.tile, `tile of "${view}"`);
  if (tile % whole !== 0) throw invalid(options.tile, `a tile is a multiple of every hop, ${whole} microseconds`);
  // A window touches one tile more than its width holds. Events of clocks that run ahead must not take the place of one that
  // a read of now still needs.
  const tiles = Math.ceil((reach + clockSkew) / tile) + 2;
  if (tiles > most)
    throw invalid(options.tile, `its longest window would lie in ${tiles} tiles, and ${most} are the most`);
  const keep = merges ? kept : Infinity;
  return { id: options.id, tile, reach, tiles, keep, hop: merges ? Math.min(...hops) : undefined };
}

/** What a definition says of its push source, and its version follows from. */
export const pushDefinition = (push: PushSource | undefined): Readonly<Record<string, unknown>> | undefined =>
  push && { id: push.id, tile: push.tile, keep: push.keep === Infinity ? undefined : push.keep };

function leastCommonMultiple(a: number, b: number): number {
  let [divisor, rest] = [a, b];
  while (rest > 0) [divisor, rest] = [rest, divisor % rest];
  return (a / divisor) * b;
}

/**
 * Up to when, in epoch microseconds, events that happened and were known by then are merged at `now` (epoch milliseconds):
 * the end of a hop, so that hops are merged whole. -Infinity where events are kept alone.
 */
export const mergedBy = ({ keep, hop }: PushSource, now: number): number =>
  hop === undefined ? -Infinity : hopStart(Math.floor(now * 1000) - keep + 1, hop) - 1;
