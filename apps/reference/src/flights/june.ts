import type { TableSource } from "@ashlar/feature-store";
import type { RecordBatch } from "apache-arrow";

/** A flight as a client asks about it, and how it turned out. */
export interface Flight {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly origin: string;
  readonly destination: string;
  /** Miles. */
  readonly distance: number;
  readonly late: boolean;
}

export const juneBegins: number = Date.UTC(2001, 5, 1);
export const juneEnds: number = Date.UTC(2001, 6, 1);
export const dayMs = 86_400_000;

/** Days of June in the order in which they are taken, as far as they are needed. */
const days = [
  5, 14, 20, 27, 2, 8, 11, 16, 23, 29, 3, 6, 9, 12, 15, 18, 21, 24, 26, 30, 1, 4, 7, 10, 13, 17, 19, 22, 25, 28,
];

/** Flights of whole days, evenly sampled and in order of time, until there are as many as wanted. */
export async function flightsOfJune(labels: TableSource, wanted: number): Promise<readonly Flight[]> {
  const byDay = new Map<number, Flight[]>();
  for await (const batch of labels.scan({})) {
    for (const flight of flightsOf(batch)) {
      const day = Math.floor((flight.at - juneBegins) / dayMs) + 1;
      if (day < 1 || day > 30) continue;
      const list = byDay.get(day) ?? [];
      list.push(flight);
      byDay.set(day, list);
    }
  }
  const perDay = wanted / 4;
  const chosen: Flight[] = [];
  for (const day of days) {
    if (chosen.length >= wanted) break;
    const all = byDay.get(day) ?? [];
    const share = Math.min(1, perDay / all.length);
    chosen.push(...all.filter((_, i) => Math.floor((i + 1) * share) > Math.floor(i * share)));
  }
  return chosen.sort((a, b) => a.at - b.at);
}

/** The flights from June on in a batch of labels. */
export function* flightsOf(batch: RecordBatch): Generator<Flight> {
  const times = batch.getChild("date")?.toArray() as BigInt64Array;
  const [origin, destination, distance, late] = ["origin", "destination", "distance", "late"].map((name) =>
    batch.getChild(name),
  );
  for (let row = 0; row < batch.numRows; row++) {
    const at = Number((times[row] ?? 0n) / 1000n);
    if (at < juneBegins) continue;
    yield {
      at,
      origin: String(origin?.get(row)),
      destination: String(destination?.get(row)),
      distance: Number(distance?.get(row)),
      late: late?.get(row) === true,
    };
  }
}

/** The flights by the span of time before which they are asked for, in order. */
export function ticksOf(flights: readonly Flight[], tickMs: number): (readonly [number, readonly Flight[]])[] {
  const ticks = new Map<number, Flight[]>();
  for (const flight of flights) {
    const time = Math.floor(flight.at / tickMs) * tickMs;
    const due = ticks.get(time) ?? [];
    due.push(flight);
    ticks.set(time, due);
  }
  return [...ticks].sort(([a], [b]) => a - b);
}
