import type { TableSource } from "@ashlar/feature-store";
import { evenSample } from "./batches.ts";

/** What a label row has: when, between where, how far, and whether it was late. */
const columns = ["date", "origin", "destination", "distance", "late"] as const;

/** The flights as labels; `sample` takes so many of `rows`, evenly. */
export function labelSource(
  flights: TableSource,
  sample?: { readonly rows: number; readonly wanted: number },
): TableSource {
  return {
    name: "labels",
    async *scan({ signal }) {
      const take = sample === undefined ? undefined : evenSample(sample.rows, sample.wanted);
      for await (const batch of flights.scan({ columns, ...(signal === undefined ? {} : { signal }) })) {
        yield take === undefined ? batch : take(batch);
      }
    },
    fingerprint: async () =>
      `${(await flights.fingerprint?.()) ?? flights.name}${sample === undefined ? "" : `/${sample.wanted}`}`,
  };
}
