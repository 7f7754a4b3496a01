import { column } from "../src/define/column.ts";
import { entity } from "../src/define/entity.ts";
import { type FeatureView, featureView } from "../src/define/feature-view.ts";
import { fromBatches } from "../src/source/table-source.ts";

/** Sixty views that all say the same number in their ttl. */
export function generation(hours: number): FeatureView[] {
  const shared = { entities: [entity({ name: "thing", key: { id: "string" } })], eventTime: "at" } as const;
  return Array.from({ length: 60 }, (_, i) =>
    featureView({
      ...shared,
      name: `view_${i}`,
      source: fromBatches("source", []),
      ttl: `${hours}h`,
      features: { last: column("value") },
      tags: [`generation ${hours}`],
    }),
  );
}
