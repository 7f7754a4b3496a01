// npm run bench -- [--json FILE] [--only SUITE]... [--rows N]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Row, run, type Suite } from "./harness.ts";
import { heading, line } from "./table.ts";

/** Loaded when their turn comes: what one brings into the process shall not weigh on those before it. */
const suites = new Map<string, () => Promise<Suite>>([
  ["objects", async () => (await import("./objects.ts")).objects],
  ["streams", async () => (await import("./streams.ts")).streams],
  ["artifacts", async () => (await import("./artifacts.ts")).artifacts],
  ["lake-log", async () => (await import("./lake-log.ts")).lakeLog],
  ["storage", async () => (await import("./storage.ts")).storage],
  ["feature-store", async () => (await import("./feature-store.ts")).featureStore],
  ["large-joins", async () => (await import("./join-large.ts")).largeJoins],
  ["model-registry", async () => (await import("./model-registry.ts")).modelRegistry],
  ["compute", async () => (await import("./compute.ts")).compute],
  ["growth", async () => (await import("./growth.ts")).growth],
  ["kernels", async () => (await import("./kernels.ts")).kernels],
  ["security", async () => (await import("./security.ts")).security],
  ["orchestration", async () => (await import("./orchestration.ts")).orchestration],
  ["networking", async () => (await import("./networking.ts")).networking],
]);

/** Take minutes, and are run only when they are asked for. */
const askedFor = new Set(["streams", "large-joins", "growth"]);

const { values } = parseArgs({
  options: {
    json: { type: "string" },
    only: { type: "string", multiple: true, default: [...suites.keys()].filter((name) => !askedFor.has(name)) },
    rows: { type: "string", default: "1000000" },
  },
});
const rows = Number(values.rows);
if (!Number.isSafeInteger(rows) || rows < 1000 || rows > 3_000_000) {
  throw new RangeError(`--rows is ${values.rows}; give a whole number from 1000 to 3000000`);
}
const chosen = values.only.map((name) => {
  const suite = suites.get(name);
  if (suite === undefined) throw new RangeError(`--only is ${name}; give one of ${[...suites.keys()].join(", ")}`);
  return suite;
});

const measured: Row[] = [];
const onRow = (row: Row): void => {
  measured.push(row);
  console.log(line(row));
};
console.log(heading);
for (const load of chosen) await run(await load(), { rows, onRow });
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(measured, null, 2)}\n`);
