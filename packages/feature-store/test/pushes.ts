import { column } from "../src/define/column.ts";
import { entity } from "../src/define/entity.ts";
import { featureView } from "../src/define/feature-view.ts";
import { count, countDistinct, sum, window } from "../src/define/window.ts";
import { fromRows } from "../src/source/rows.ts";
import type { PushEvent } from "../src/push/events.ts";

/** A view that takes events, for tests of pushing. */
export const clicks = featureView({
  name: "clicks",
  entities: [entity({ name: "user", key: { user: "int64" } })],
  source: fromRows("clicks", []),
  eventTime: "at",
  ttl: "forever",
  push: { id: "id", tile: "1m" },
  features: {
    page: column("page", "string"),
    count_10m: window("10m", count()),
    spent_3m: window("3m", sum("spent")),
    pages_10m: window("10m", countDistinct("page")),
  },
});

export const users: readonly { readonly user: bigint }[] = Array.from({ length: 20 }, (_, i) => ({ user: BigInt(i) }));

/** Epoch milliseconds of the last event. */
export const until = 600_000;

/** Batches of ten events, the same on every call. */
export const batches: readonly (readonly PushEvent[])[] = Array.from({ length: 120 }, (_, batch) =>
  Array.from({ length: 10 }, (_unused, i): PushEvent => {
    const n = batch * 10 + i;
    const late = (n * 7919) % 60_000;
    return {
      id: `click ${n}`,
      user: BigInt((n * 31) % 20),
      at: new Date(n * 500 - late + 60_000 - 59_500),
      page: `/${n % 7}`,
      spent: n / 7,
    };
  }),
);
