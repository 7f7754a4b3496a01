import {
  approxCountDistinct,
  approxQuantile,
  column,
  count,
  countDistinct,
  type createFeatureStore,
  type FeatureView,
  featureView,
  first,
  fromRows,
  last,
  max,
  mean,
  min,
  type PushEvent,
  type Reading,
  share,
  stddev,
  sum,
  window,
} from "../src/index.ts";
import { car, second } from "./pushed.ts";

const short = { hop: "3s" } as const;
const long = { hop: "6s" } as const;

/** Windows that hop by three and by six seconds, exact ones, and tiles of twelve. */
export function trips(rows: readonly PushEvent[]): FeatureView {
  return featureView({
    name: "trips",
    entities: [car],
    source: fromRows("trips", rows),
    eventTime: "at",
    knownAt: "known",
    ttl: "forever",
    push: { id: "id", tile: "12s", allowedLateness: "7s" },
    features: {
      length: column("length"),
      count: window("60s", count(), short),
      sum: window("60s", sum("length"), long),
      mean: window("30s", mean("length"), short),
      share: window("60s", share(column("length").greaterThan(2)), short),
      named: window("60s", share(column("note").equals("x")), long),
      stddev: window("60s", stddev("length"), short),
      least: window("60s", min("length"), short),
      greatest: window("30s", max("length"), long),
      first: window("60s", first("note", "string"), short),
      last: window("60s", last("note", "string"), long),
      about: window("60s", approxCountDistinct("note"), short),
      near: window("60s", approxQuantile("length", 0.6), short),
      whole: window("60s", sum("places", "int64"), short),
      newest: window("60s", max("when", "timestamp"), short),
      // These want events themselves.
      now: window("5s", count()),
      notes: window("6s", countDistinct("note"), short),
    },
  });
}

/** An event of the car "a", by seconds. */
export const event = (id: string, at: number, known: number, length: number | null = 1): PushEvent => ({
  id,
  car: "a",
  at: new Date(at * second),
  known: new Date(known * second),
  length,
  note: "x",
  places: 1n,
  when: null,
});

/** The values of its features now, or as of a moment. */
export const values = async (
  store: ReturnType<typeof createFeatureStore>,
  at?: number,
): Promise<Record<string, unknown>> => {
  const asked = { entities: [{ car: "a" }], features: ["trips:*"] as const, ...(at === undefined ? {} : { at }) };
  const [row] = (await store.read(asked as never)) as Record<string, Reading>[];
  return Object.fromEntries(Object.entries(row ?? {}).map(([name, { value }]) => [name.slice(6), value]));
};
