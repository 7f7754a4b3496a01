import { column } from "../src/define/column.ts";
import { entity } from "../src/define/entity.ts";
import { featureView } from "../src/define/feature-view.ts";
import { approxCountDistinct, approxQuantile } from "../src/define/approximate.ts";
import { count, countDistinct, last, stddev, sum, window } from "../src/define/window.ts";
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

const hop = { hop: "1m" } as const;

/** The same events, of which partial results are kept. */
export const taps = featureView({
  name: "taps",
  entities: clicks.entities,
  source: fromRows("taps", []),
  eventTime: "at",
  ttl: "forever",
  push: { id: "id", tile: "2m", allowedLateness: "2m" },
  features: {
    page: column("page", "string"),
    count_10m: window("10m", count(), hop),
    spent_10m: window("10m", sum("spent"), hop),
    deviation_10m: window("10m", stddev("spent"), hop),
    last_10m: window("10m", last("page", "string"), hop),
    pages_10m: window("10m", approxCountDistinct("page"), hop),
    usual_10m: window("10m", approxQuantile("spent", 0.5), hop),
  },
});

export const views = { clicks, taps };

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

/** A clock that is set to when each batch comes. */
export const batchClock = () => {
  const clock = {
    time: until,
    now: () => clock.time,
    monotonic: () => 0,
    sleep: async () => undefined,
    toBatch: (i: number) => void (clock.time = (10 * i + 10) * 500),
  };
  return clock;
};
