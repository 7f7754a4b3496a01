import {
  count,
  column,
  entity,
  featureView,
  mean,
  onDemand,
  share,
  type TableSource,
  window,
} from "@ashlar/feature-store";
import { lateAfterMinutes } from "./landing.ts";

const late = column("delay").greaterThan(lateAfterMinutes);

/** What moves within hours: windows over flights that are streamed in as they land. */
const lately = {
  mean_delay_1h: window("1h", mean("delay")),
  mean_delay_3h: window("3h", mean("delay")),
  mean_delay_6h: window("6h", mean("delay")),
  late_share_1h: window("1h", share(late)),
  late_share_3h: window("3h", share(late)),
  late_share_6h: window("6h", share(late)),
  flights_3h: window("3h", count()),
} as const;

/** What moves within days: materialised in steps, which costs the same however many flights a window has. */
const usually = {
  mean_delay_24h: window("24h", mean("delay")),
  mean_delay_7d: window("7d", mean("delay")),
  late_share_24h: window("24h", share(late)),
  late_share_7d: window("7d", share(late)),
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
  const about = { owner: "airside", tags: ["delay"] } as const;
  const usual = {
    ...about,
    source: flights,
    eventTime: "date",
    knownAt: "landed_at",
    ttl: "7d",
    features: usually,
  } as const;
  const live = { ...usual, features: lately, push: { id: "flight" } } as const;
  const ofDestination = { origin: "destination" } as const;
  const ofOrigin = { destination: "origin" } as const;
  return [
    featureView({ ...usual, name: "from_origin", entities: [origin] }),
    featureView({ ...usual, name: "into_origin", entities: [origin], keys: ofDestination }),
    featureView({ ...usual, name: "from_destination", entities: [destination], keys: ofOrigin }),
    featureView({ ...usual, name: "into_destination", entities: [destination] }),
    featureView({
      ...usual,
      name: "on_route",
      entities: [route],
      features: { mean_delay_24h: window("24h", mean("delay")), late_share_7d: window("7d", share(late)) },
    }),
    featureView({ ...live, name: "from_origin_live", entities: [origin] }),
    featureView({ ...live, name: "into_origin_live", entities: [origin], keys: ofDestination }),
    featureView({ ...live, name: "from_destination_live", entities: [destination], keys: ofOrigin }),
    featureView({ ...live, name: "into_destination_live", entities: [destination] }),
    calendar,
  ] as const;
}

type FlightViews = ReturnType<typeof flightViews>;

/** A view that is kept online: any but those computed on demand. */
export type StoredView = Exclude<FlightViews[number], { readonly kind: "on-demand" }>;

export function storedViews(views: FlightViews): readonly StoredView[] {
  return views.filter((view) => view.kind === "view");
}

/** Whether its events are pushed as they happen, rather than materialised in steps. */
export const isStreamed = (view: StoredView): boolean => view.push !== undefined;

/** The features of the model, in the order of its input. */
export const modelFeatures = [
  "from_origin:*",
  "into_origin:*",
  "from_destination:*",
  "into_destination:*",
  "on_route:*",
  "from_origin_live:*",
  "into_origin_live:*",
  "from_destination_live:*",
  "into_destination_live:*",
  "calendar:*",
] as const;
