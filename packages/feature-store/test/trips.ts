import { column } from "../src/define/column.ts";
import { entity } from "../src/define/entity.ts";
import { featureView } from "../src/define/feature-view.ts";
import { count, mean, window } from "../src/define/window.ts";
import { fromTable } from "../src/source/table-source.ts";
import { arrowTable } from "../src/testing/tables.ts";

const rows = 20_000;
const numbers = Array.from({ length: rows }, (_, i) => i);
// A multiplicative step spreads keys and lateness without a random source.
const spread = (i: number, over: number): number => (i * 7919) % over;

const shared = {
  name: "trips",
  entities: [entity({ name: "car", key: { car: "string" } })],
  source: fromTable(
    "trips",
    arrowTable({
      car: ["string", numbers.map((i) => `car ${spread(i, 3_000)}`)],
      at: ["timestamp", numbers.map((i) => i * 1_000_000)],
      known: ["timestamp", numbers.map((i) => (i + spread(i, 900)) * 1_000_000)],
      length: ["float64", numbers.map((i) => spread(i, 101) / 4)],
    }),
  ),
  eventTime: "at",
  knownAt: "known",
} as const;

/** A view of some size whose rows become known late, for tests of materialisation. */
export const trips = featureView({
  ...shared,
  ttl: "1d",
  features: {
    last: column("length"),
    mean_1h: window("1h", mean("length")),
    count_20m: window("20m", count()),
  },
});

/** What the view was before it had windows. */
export const tripsBefore = featureView({ ...shared, ttl: "1d", features: { last: column("length") } });

export const cars: readonly { readonly car: string }[] = Array.from({ length: 3_000 }, (_, i) => ({ car: `car ${i}` }));

/** Epoch milliseconds to materialise to, one after another. */
export const steps: readonly number[] = Array.from({ length: 40 }, (_, i) => (i + 1) * 500_000);
