import type { Materializer } from "@ashlar/feature-store";
import type { StepContext } from "@ashlar/orchestration";
import { isStreamed, type StoredView, storedViews } from "../flights/features.ts";
import { dayMs, type Flight, flightsOf, flightsOfJune, juneEnds, ticksOf } from "../flights/june.ts";
import { labelSource } from "../flights/labels.ts";
import { type Landings, landingsOn } from "../flights/landings.ts";
import { recentMonths } from "../flights/recent.ts";
import { createTraffic, type RequestIds } from "../serve/traffic.ts";
import type { FlightStore, Platform } from "../wire/platform.ts";
import { materialiseJune } from "./deploy.ts";
import type { JoinedFeatures } from "./features.ts";
import { score } from "./measure.ts";
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
  /** Landings that were pushed into the live views while requests were answered. */
  readonly streamed: number;
  /** How often the model was loaded anew and put in the place of the one that answered, while requests went on. */
  readonly swaps: { readonly made: number; readonly compared: number };
  /** The requests, in the feature log. */
  readonly ids: RequestIds;
}

/** What is asked about June, and what it is compared with. */
interface JudgedInJune {
  readonly set: JoinedFeatures;
  readonly table: number;
  readonly models: readonly Trained[];
  readonly champion: Champion;
}

const wanted = 12_000;
const connections = 16;
const tickMs = 15 * 60_000;
/** Live requests on which a model is compared before it takes over. */
const comparedBySwap = 100;
const mostSwaps = 4;

/**
 * Lives through some days of June. Every quarter of an hour, the features of days and weeks are brought up to what was
 * known, and the flights that land in it are pushed into the features of hours, which a read computes as of its own time;
 * then the flights of that quarter are asked for. Some days begin with a swap of the model under its traffic.
 */
export async function replay(
  platform: Platform,
  { set, table, models, champion }: JudgedInJune,
  context: StepContext,
): Promise<Replayed> {
  const flightTable = await platform.tableAt(table);
  const flights = await flightsOfJune(labelSource(flightTable), wanted);
  if (context.attempt > 1) {
    // An earlier attempt has gone on into June: its features would be the future of this one's first requests.
    await platform.emptyOnlineStore(table);
    await materialiseJune(platform, table, context);
  }
  const { store } = await platform.serving.ensure({ table, champion });
  const ticks = ticksOf(flights, tickMs);
  const days = ticks.map(([time]) => time);
  const features = await liveFeatures(store, await landingsOn(days, recentMonths(flightTable)), context.signal);
  await using traffic = createTraffic(await platform.clientOf("Service::checkout"), {
    name: `replay-${context.runId}-${context.attempt}`,
    connections,
  });
  const { latencies } = traffic.answers;
  const swaps = swapsUnderTraffic(platform);
  let day = Number.NaN;

  for (const [index, [time, due]] of ticks.entries()) {
    context.signal.throwIfAborted();
    await features.advance(time);
    const today = Math.floor(time / dayMs);
    if (today !== day) swaps.begin();
    day = today;
    await traffic.ask(due);
    context.progress(index / ticks.length, `${latencies.length.toLocaleString("en")} requests answered`);
  }
  const swapped = await swaps.done();
  await features.catchUp(juneEnds);

  latencies.sort((a, b) => a - b);
  const { labels, probabilities, errors } = traffic.answers;
  const served = models.find(({ name }) => name === champion.trainer) as Trained;
  return {
    requests: latencies.length,
    errors,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? 0,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    auc: score(labels, probabilities).auc,
    offlineAuc: await offlineAuc(platform, set, served, flights),
    streamed: features.streamed,
    swaps: swapped,
    ids: traffic.ids,
  };
}

interface Swaps {
  /** Begins a swap, unless one is under way or there were enough. */
  begin(): void;
  /** Resolves when the last one is done. */
  done(): Promise<Replayed["swaps"]>;
}

function swapsUnderTraffic(platform: Platform): Swaps {
  const begun: Promise<number>[] = [];
  let underWay = false;

  async function swap(): Promise<number> {
    underWay = true;
    try {
      return (await platform.serving.redeploy({ requests: comparedBySwap })).compared;
    } finally {
      underWay = false;
    }
  }
  return {
    begin() {
      if (underWay || begun.length === mostSwaps) return;
      const made = swap();
      // It is awaited when the last request has been answered; until then a failure must not count as unhandled.
      made.catch(() => undefined);
      begun.push(made);
    },
    async done() {
      const compared = await Promise.all(begun);
      return { made: compared.length, compared: compared.reduce((sum, count) => sum + count, 0) };
    },
  };
}

/** Keeps the online store up to the time of the replay. */
interface LiveFeatures {
  /** Landings pushed so far. */
  readonly streamed: number;
  /** Has everything known that a read within the quarter of an hour from `time` on may see. */
  advance(time: number): Promise<void>;
  /** Brings every view up to `time` from the table. */
  catchUp(time: number): Promise<void>;
}

async function liveFeatures(store: FlightStore, landings: Landings, signal: AbortSignal): Promise<LiveFeatures> {
  const views: { readonly view: StoredView; readonly materializer: Materializer }[] = [];
  for (const view of storedViews(store.views)) {
    views.push({ view, materializer: await store.materializer(view, { signal }) });
  }
  const stepped = views.filter(({ view }) => !isStreamed(view));
  const streamed = views.filter(({ view }) => isStreamed(view));
  let day = Number.NaN;
  let pushed = 0;

  async function catchUp(time: number): Promise<void> {
    await Promise.all(views.map(({ materializer }) => materializer.advance(time, { signal })));
    landings.skip(time);
  }
  async function advance(time: number): Promise<void> {
    const today = Math.floor(time / dayMs);
    // The nights between the days that are replayed come from the table: a flight counts once, wherever it comes from.
    if (today !== day) await catchUp(time);
    else await Promise.all(stepped.map(({ materializer }) => materializer.advance(time, { signal })));
    day = today;
    const events = landings.take(time + tickMs);
    await Promise.all(streamed.map(({ view }) => store.push(view, events, { signal })));
    pushed += events.length;
  }
  return {
    advance,
    catchUp,
    get streamed() {
      return pushed;
    },
  };
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
