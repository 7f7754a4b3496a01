// npm run bench -- [--json FILE] [--only SUITE]... [--rows N]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compute } from "./compute.ts";
import { featureStore } from "./feature-store.ts";
import { type Row, run, type Suite } from "./harness.ts";
import { modelRegistry } from "./model-registry.ts";
import { networking } from "./networking.ts";
import { orchestration } from "./orchestration.ts";
import { security } from "./security.ts";
import { storage } from "./storage.ts";
import { heading, line } from "./table.ts";

const suites = new Map<string, Suite>([
  ["storage", storage],
  ["feature-store", featureStore],
  ["model-registry", modelRegistry],
  ["compute", compute],
  ["security", security],
  ["orchestration", orchestration],
  ["networking", networking],
]);

const { values } = parseArgs({
  options: {
    json: { type: "string" },
    only: { type: "string", multiple: true, default: [...suites.keys()] },
    rows: { type: "string", default: "1000000" },
  },
});
const rows = Number(values.rows);
if (!Number.isSafeInteger(rows) || rows < 1000 || rows > 3_000_000) {
  throw new RangeError(`--rows is ${values.rows}; give a whole number from 1000 to 3000000`);
}
const chosen = values.only.map((name): Suite => {
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
for (const suite of chosen) await run(suite, { rows, onRow });
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(measured, null, 2)}\n`);
