import { column, count, entity, featureView, fromTable, window } from "../src/index.ts";
import { arrowTable } from "../src/testing/tables.ts";

/** A key that no double holds. */
export const beyond = 9_007_199_254_740_993n;

const features = {
  balance: column("balance", "int64"),
  rate: column("rate"),
  owner: column("owner", "string"),
  opened: column("at", "timestamp"),
  rows_1h: window("1h", count()),
};

/** A view of two accounts with values of every kind, opened at times in epoch microseconds. */
export const accountsView = ({ at, rate }: { readonly at: readonly number[]; readonly rate: readonly number[] }) =>
  featureView({
    name: "accounts",
    entities: [entity({ name: "account", key: { account: "int64" } })],
    source: fromTable(
      "accounts",
      arrowTable({
        account: ["int64", [beyond, 7n]],
        at: ["timestamp", at],
        balance: ["int64", [-(2n ** 63n), 12n]],
        rate: ["float64", rate],
        owner: ["string", ["Zoë", null]],
      }),
    ),
    eventTime: "at",
    ttl: "1h",
    features,
  });
