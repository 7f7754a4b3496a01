import type { TableSource } from "@ashlar/feature-store";
import type { LakeTableView } from "@ashlar/storage/lake";

/** What the online store lives through: June, and the month before it for the windows to reach back into. */
const months = ["2001-05", "2001-06", "2001-07"];

/** The partitions of the table that online features can depend on: the longest window is seven days. */
export function recentMonths(flights: LakeTableView): TableSource {
  return {
    name: flights.name,
    scan: (options) => flights.scan({ ...options, where: { month: { in: months } } }),
    localFiles: async () =>
      (await flights.localFiles())?.filter((path) => months.some((month) => path.includes(`month=${month}`))),
    fingerprint: async () => `${await flights.fingerprint()}/${months.join("+")}`,
  };
}
