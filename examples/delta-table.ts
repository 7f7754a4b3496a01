// Append rows to a Delta table under expectations, read them back with pruning, and travel in time.
import { fileSystem } from "@ashlar/storage/file-system";
import { batchFrom, between, notNull, openLake } from "@ashlar/storage/lake";

await using lake = openLake({ objects: fileSystem({ root: "./lake" }) });
const flights = await lake.table("flights", { partitionBy: ["month"] });

const may = batchFrom({
  month: ["string", ["2001-05", "2001-05"]],
  origin: ["string", ["JFK", "SFO"]],
  delay: ["long", [12n, -3n]],
});
const june = batchFrom({
  month: ["string", ["2001-06", "2001-06"]],
  origin: ["string", ["JFK", "SFO"]],
  delay: ["long", [40n, 99_999n]],
});
const rules = { expect: [notNull("origin"), between("delay", -120, 3000)], onViolation: "quarantine" } as const;
console.log("may: ", await flights.append(may, rules));
console.log("june:", await flights.append(june, rules));

for await (const batch of flights.scan({ columns: ["origin", "delay"], where: { month: "2001-06" } })) {
  console.log("rows of june:", batch.toArray().map(String));
}
for await (const batch of (await lake.table("flights__quarantine")).scan({ columns: ["delay", "_reason"] })) {
  console.log("quarantined: ", batch.toArray().map(String));
}
console.log(
  "rows now:",
  (await flights.snapshot()).rows,
  "and at version 0:",
  (await flights.snapshot({ version: 0 })).rows,
);
