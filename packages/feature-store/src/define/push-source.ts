import { featureStoreError } from "../errors.ts";
import { type Duration, durationMicros } from "./duration.ts";
import type { Features } from "./feature-view.ts";
import { longestReach } from "./hop.ts";

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
}

export interface PushSourceOptions {
  readonly id: string;
  /** Default an eighth of the longest window, and at least ten seconds. */
  readonly tile?: Duration;
}

const most = 200;

/** How far the clock of who pushes may run ahead of ours, in microseconds. */
export const clockSkew = 60_000_000;

/** @throws DEFINITION_INVALID for an endless window, a column without a name, or tiles that are too many */
export function pushSource(view: string, features: Features, options: PushSourceOptions): PushSource {
  const invalid = (value: unknown, rule: string): Error =>
    featureStoreError("DEFINITION_INVALID", { of: `The push source of "${view}"`, value, rule });
  if (typeof options.id !== "string" || options.id === "") throw invalid(options.id, "id names a column");
  let reach = 0;
  for (const [name, feature] of Object.entries(features)) {
    if (feature.kind !== "window") continue;
    if (feature.width === Infinity) throw invalid(name, "an endless window would have to keep every event");
    reach = Math.max(reach, longestReach(feature));
  }
  const tile =
    options.tile === undefined
      ? Math.max(10_000_000, Math.ceil(reach / 8))
      : durationMicros(options.tile, `tile of "${view}"`);
  // A window touches one tile more than its width holds. Events of clocks that run ahead must not take the place of one that
  // a read of now still needs.
  const tiles = Math.ceil((reach + clockSkew) / tile) + 2;
  if (tiles > most)
    throw invalid(options.tile, `its longest window would lie in ${tiles} tiles, and ${most} are the most`);
  return { id: options.id, tile, reach, tiles };
}
