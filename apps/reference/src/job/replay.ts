import type { Materializer } from "@ashlar/feature-store";
import type { StepContext } from "@ashlar/orchestration";
import type { RecordBatch } from "apache-arrow";
import { Client } from "undici";
import { storedViews } from "../flights/features.ts";
import { labelSource } from "../flights/labels.ts";
import type { Platform } from "../wire/platform.ts";
import type { JoinedFeatures } from "./features.ts";
import { score } from "./measure.ts";
import { materialiseJune } from "./deploy.ts";
import { type Champion, loadTrained } from "./register.ts";
import { columnsOf, partRows, type Trained } from "./train.ts";

/** How the endpoint did on June flights, asked for over HTTPS as a client would. */
export interface Replayed {
  readonly requests: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly auc: number;
  readonly offlineAuc: number;
}

/** What is asked about June, and what it is compared with. */
interface JudgedInJune {
  readonly set: JoinedFeatures;
  readonly table: number;
  readonly models: readonly Trained[];
  readonly champion: Champion;
}

interface Flight {
  readonly at: number;
  readonly origin: string;
  readonly destination: string;
  readonly distance: number;
  readonly late: boolean;
}

const wanted = 12_000;
const connections = 16;
const tickMs = 15 * 60_000;
const dayMs = 86_400_000;
/** Days of June that are replayed, as far as they are needed for the number of requests wanted. */
const days = [
  5, 14, 20, 27, 2, 8, 11, 16, 23, 29, 3, 6, 9, 12, 15, 18, 21, 24, 26, 30, 1, 4, 7, 10, 13, 17, 19, 22, 25, 28,
];

/**
 * Lives through some days of June: every quarter of an hour the online features are brought up to what was known, then
 * the flights of that quarter are asked for. Features are up to 15 minutes older than in training; the score says what
 * that costs.
 */
export async function replay(
  platform: Platform,
  { set, table, models, champion }: JudgedInJune,
  context: StepContext,
): Promise<Replayed> {
  const flights = await flightsOfJune(platform, table);
  if (context.attempt > 1) {
    // An earlier attempt has gone on into June: its features would be the future of this one's first requests.
    await platform.emptyOnlineStore(table);
    await materialiseJune(platform, table, context);
  }
  const { store } = await platform.serving.ensure({ table, champion });
  const materialisers: Materializer[] = [];
  for (const view of storedViews(store.views)) {
    materialisers.push(await store.materializer(view as (typeof store.views)[0], { signal: context.signal }));
  }
  const { origin, ca, token } = await platform.clientOf("Service::checkout");
  const clients = Array.from({ length: connections }, () => new Client(origin, { connect: { ca } }));
  const latencies: number[] = [];
  const labels: number[] = [];
  const probabilities: number[] = [];
  let errors = 0;

  async function ask(client: Client, flight: Flight): Promise<void> {
    const started = performance.now();
    const { at, late, ...rest } = flight;
    const body = JSON.stringify({ flights: [{ ...rest, date: new Date(at).toISOString() }] });
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    try {
      const response = await client.request({ method: "POST", path: "/predict", headers, body });
      const answer = (await response.body.json()) as { predictions?: { late: number }[] };
      latencies.push(performance.now() - started);
      const probability = answer.predictions?.[0]?.late;
      if (response.statusCode !== 200 || probability === undefined) errors += 1;
      else {
        labels.push(late ? 1 : 0);
        probabilities.push(probability);
      }
    } catch {
      errors += 1;
    }
  }

  try {
    const ticks = ticksOf(flights);
    for (const [index, [time, due]] of ticks.entries()) {
      context.signal.throwIfAborted();
      for (const materialiser of materialisers) await materialiser.advance(time, { signal: context.signal });
      const queue = [...due];
      await Promise.all(
        clients.map(async (client) => {
          for (let flight = queue.shift(); flight !== undefined; flight = queue.shift()) await ask(client, flight);
        }),
      );
      context.progress(index / ticks.length, `${latencies.length.toLocaleString("en")} requests answered`);
    }
    const end = Date.UTC(2001, 6, 1);
    for (const materialiser of materialisers) await materialiser.advance(end, { signal: context.signal });
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    errors,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? 0,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    auc: score(labels, probabilities).auc,
    offlineAuc: await offlineAuc(
      platform,
      set,
      models.find(({ name }) => name === champion.trainer) as Trained,
      flights,
    ),
  };
}

/** Flights of whole days, evenly sampled, until there are as many as wanted. */
async function flightsOfJune(platform: Platform, table: number): Promise<readonly Flight[]> {
  const byDay = new Map<number, Flight[]>();
  for await (const batch of labelSource(await platform.tableAt(table)).scan({})) {
    for (const flight of flightsOf(batch)) {
      const day = Math.floor((flight.at - Date.UTC(2001, 5, 1)) / dayMs) + 1;
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

function* flightsOf(batch: RecordBatch): Generator<Flight> {
  const times = batch.getChild("date")?.toArray() as BigInt64Array;
  const [origin, destination, distance, late] = ["origin", "destination", "distance", "late"].map((name) =>
    batch.getChild(name),
  );
  for (let row = 0; row < batch.numRows; row++) {
    const at = Number((times[row] ?? 0n) / 1000n);
    if (at < Date.UTC(2001, 5, 1)) continue;
    yield {
      at,
      origin: String(origin?.get(row)),
      destination: String(destination?.get(row)),
      distance: Number(distance?.get(row)),
      late: late?.get(row) === true,
    };
  }
}

/** The flights by the quarter of an hour before which they are asked for. */
function ticksOf(flights: readonly Flight[]): (readonly [number, readonly Flight[]])[] {
  const ticks = new Map<number, Flight[]>();
  for (const flight of flights) {
    const time = Math.floor(flight.at / tickMs) * tickMs;
    const due = ticks.get(time) ?? [];
    due.push(flight);
    ticks.set(time, due);
  }
  return [...ticks].sort(([a], [b]) => a - b);
}

/** The same model on the training set's features of the same flights. */
async function offlineAuc(
  platform: Platform,
  set: JoinedFeatures,
  served: Trained,
  flights: readonly Flight[],
): Promise<number> {
  const keyOf = (at: number, origin: string, destination: string): string => `${at} ${origin} ${destination}`;
  const asked = new Set(flights.map(({ at, origin, destination }) => keyOf(at, origin, destination)));
  const model = await loadTrained(platform, served);
  const labels: number[] = [];
  const probabilities: number[] = [];
  for await (const batch of partRows(platform, set.parts.judge)()) {
    const predicted = model.predict({ columns: columnsOf(batch, model.features) });
    let row = 0;
    for (const { at, origin, destination, late } of flightsOf(batch)) {
      if (asked.has(keyOf(at, origin, destination))) {
        labels.push(late ? 1 : 0);
        probabilities.push(predicted[row] ?? Number.NaN);
      }
      row += 1;
    }
  }
  return score(labels, probabilities).auc;
}
