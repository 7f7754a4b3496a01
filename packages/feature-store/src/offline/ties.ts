import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import type { Timeline } from "./timeline.ts";

/** @throws TIE_FOUND for the first two rows of a key that only the order of ingestion tells apart */
export function assertNoTies(view: FeatureView, { keys, starts, event, known }: Timeline): void {
  for (let key = 0; key + 1 < starts.length; key++) {
    for (let row = (starts[key] as number) + 1; row < (starts[key + 1] as number); row++) {
      if (event[row] !== event[row - 1] || known?.[row] !== known?.[row - 1]) continue;
      throw featureStoreError("TIE_FOUND", {
        view: view.name,
        key: keys.key(key).map(String).join(", "),
        event: written(event[row] as number),
        known: known === undefined ? undefined : written(known[row] as number),
      });
    }
  }
}

/** In UTC, to the microsecond. */
function written(micros: number): string {
  if (micros === Infinity) return "never";
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = String(micros - seconds * 1_000_000).padStart(6, "0");
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}.${fraction}Z`;
}
