import { column, entity, featureView, type TableSource } from "@ashlar/feature-store";

/**
 * The delay and distance of the last flight that had landed at each label's origin, of flights of the last week: ties
 * resolved, cut off at what was known.
 */
export const departuresOver = (source: TableSource) =>
  featureView({
    name: "departures",
    entities: [entity({ name: "airport", key: { origin: "string" } })],
    source,
    eventTime: "date",
    knownAt: "landed_at",
    ttl: "7d",
    features: { delay: column("delay", "int32"), distance: column("distance", "int32") },
  });
