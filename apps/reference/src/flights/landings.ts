import type { PushEvent, TableSource } from "@ashlar/feature-store";
import { dayMs } from "./june.ts";

const columns = ["flight", "date", "origin", "destination", "delay", "landed_at"] as const;

/** Flights as they land: what an airport's system would send. */
export interface Landings {
  /** Those that have landed by `until` (epoch milliseconds) and were not taken before. */
  take(until: number): readonly PushEvent[];
  /** Leaves out those up to `until`. */
  skip(until: number): void;
}

/** The landings on the days of the given moments, in order of time. */
export async function landingsOn(moments: readonly number[], flights: TableSource): Promise<Landings> {
  const days = new Set(moments.map((moment) => Math.floor(moment / dayMs)));
  const landed: { readonly at: number; readonly event: PushEvent }[] = [];
  for await (const batch of flights.scan({ columns })) {
    const [flight, delay, origin, destination] = ["flight", "delay", "origin", "destination"].map((name) =>
      batch.getChild(name),
    );
    const left = batch.getChild("date")?.toArray() as BigInt64Array;
    const landings = batch.getChild("landed_at")?.toArray() as BigInt64Array;
    for (let row = 0; row < batch.numRows; row++) {
      const at = Number((landings[row] ?? 0n) / 1000n);
      if (!days.has(Math.floor(at / dayMs))) continue;
      const event = {
        flight: Number(flight?.get(row)),
        date: new Date(Number((left[row] ?? 0n) / 1000n)),
        landed_at: new Date(at),
        origin: String(origin?.get(row)),
        destination: String(destination?.get(row)),
        delay: Number(delay?.get(row)),
      };
      landed.push({ at, event });
    }
  }
  landed.sort((a, b) => a.at - b.at);
  let next = 0;

  function take(until: number): readonly PushEvent[] {
    const from = next;
    while (next < landed.length && (landed[next] as { at: number }).at <= until) next += 1;
    return landed.slice(from, next).map(({ event }) => event);
  }
  return { take, skip: (until) => void take(until) };
}
