import {
  count,
  column,
  entity,
  type FeatureView,
  featureView,
  mean,
  onDemand,
  share,
  type TableSource,
  window,
} from "@ashlar/feature-store";
import { lateAfterMinutes } from "./landing.ts";

const late = column("delay").greaterThan(lateAfterMinutes);

/** How punctual an airport has been lately, as far as it was known at the time of asking. */
const punctuality = {
  mean_delay_1h: window("1h", mean("delay")),
  mean_delay_3h: window("3h", mean("delay")),
  mean_delay_6h: window("6h", mean("delay")),
  mean_delay_24h: window("24h", mean("delay")),
  mean_delay_7d: window("7d", mean("delay")),
  late_share_1h: window("1h", share(late)),
  late_share_3h: window("3h", share(late)),
  late_share_6h: window("6h", share(late)),
  late_share_24h: window("24h", share(late)),
  late_share_7d: window("7d", share(late)),
  flights_3h: window("3h", count()),
  flights_24h: window("24h", count()),
} as const;

const origin = entity({ name: "origin", key: { origin: "string" } });
const destination = entity({ name: "destination", key: { destination: "string" } });
const route = entity({ name: "route", key: { origin: "string", destination: "string" } });

/** What is asked of the request alone, by one function offline and online. */
const calendar = onDemand({
  name: "calendar",
  input: { at: "timestamp", distance: "int32" },
  output: { minute_of_day: "int32", day_of_week: "int32", day_of_year: "int32", distance: "int32" },
  compute: ({ at, distance: miles }) => {
    const minutes = Math.floor(Number(at / 60_000_000n));
    const day = Math.floor(minutes / 1440);
    const newYear = 11_323; // 2001-01-01, in days since 1970-01-01
    return {
      minute_of_day: minutes - day * 1440,
      day_of_week: (day + 4) % 7,
      day_of_year: day - newYear,
      distance: miles,
    };
  },
});

/** The feature views over a table of flights. */
export function flightViews(flights: TableSource) {
  const shared = {
    source: flights,
    eventTime: "date",
    knownAt: "landed_at",
    ttl: "7d",
    features: punctuality,
  } as const;
  const fromOrigin = featureView({ ...shared, name: "from_origin", entities: [origin] });
  const intoOrigin = featureView({
    ...shared,
    name: "into_origin",
    entities: [origin],
    keys: { origin: "destination" },
  });
  const fromDestination = featureView({
    ...shared,
    name: "from_destination",
    entities: [destination],
    keys: { destination: "origin" },
  });
  const intoDestination = featureView({ ...shared, name: "into_destination", entities: [destination] });
  const onRoute = featureView({
    ...shared,
    name: "on_route",
    entities: [route],
    features: { mean_delay_24h: window("24h", mean("delay")), late_share_7d: window("7d", share(late)) },
  });
  return [fromOrigin, intoOrigin, fromDestination, intoDestination, onRoute, calendar] as const;
}

/** The views that have to be materialised: all but those computed on demand. */
export function storedViews(views: ReturnType<typeof flightViews>): readonly FeatureView[] {
  return views.filter((view) => view.kind === "view") as readonly FeatureView[];
}

/** The features of the model, in the order of its input. */
export const modelFeatures = [
  "from_origin:*",
  "into_origin:*",
  "from_destination:*",
  "into_destination:*",
  "on_route:*",
  "calendar:*",
] as const;
