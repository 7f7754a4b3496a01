import {
  column,
  count,
  countDistinct,
  entity,
  featureView,
  first,
  fromBatches,
  last,
  max,
  mean,
  median,
  min,
  share,
  stddev,
  sum,
  window,
} from "../src/index.ts";

const pair = entity({ name: "pair", key: { a: "string", b: "string" } });
export const base = {
  name: "v",
  entities: [pair],
  source: fromBatches("source", []),
  eventTime: "event",
  ttl: "3s",
  keys: { a: "left", b: "right" },
  features: {
    last: column("value"),
    count: window("4s", count()),
    sum: window("4s", sum("value")),
    mean: window("4s", mean("value")),
    share: window("4s", share(column("value").greaterThan(2))),
    stddev: window("4s", stddev("value")),
  },
} as const;
/** Views over the rows of the oracle, with what was known and without. */
export const views = { known: [featureView({ ...base, knownAt: "known" })], event: [featureView(base)] };
const hops = { hop: "1500ms" } as const;
const hopping = {
  ...base,
  features: {
    count: window("4s", count(), hops),
    sum: window("4s", sum("value"), hops),
    mean: window("4s", mean("value"), hops),
    share: window("4s", share(column("value").greaterThan(2)), hops),
    stddev: window("4s", stddev("value"), hops),
    least: window("4s", min("value"), hops),
    greatest: window("4s", max("value"), hops),
    first: window("4s", first("value"), hops),
    lastInWindow: window("4s", last("value"), hops),
    distinct: window("4s", countDistinct("value"), hops),
    median: window("4s", median("value"), hops),
  },
} as const;
/** The same with windows whose tail hops. */
export const hoppingViews = { known: [featureView({ ...hopping, knownAt: "known" })], event: [featureView(hopping)] };
