// Holds a report of the main job to the bounds it promises. With --sample, the run was on a part of the data, and only
// what does not depend on its size is checked.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Report } from "../apps/reference/src/report/report.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { sample: { type: "boolean", default: false } },
});
const report = JSON.parse(readFileSync(positionals[0] ?? "report.json", "utf8")) as Report;
const champion = report.models.find(({ name }) => name === report.champion.trainer);
const baseline = report.models.find(({ name }) => name === "logistic");
const peak = Math.max(...report.stages.map(({ peakRssBytes }) => peakRssBytes));

const always: readonly (readonly [string, boolean])[] = [
  ["every row of the training set is a flight", report.trainingSet.rows === report.rows.ingested],
  ["a leak was found and counted", report.trainingSet.leakedRowsWithoutKnownAt > 0],
  ["the champion beats the baseline", (champion?.auc ?? 0) > (baseline?.auc ?? 1)],
  ["the champion beats the base rate", (champion?.logLoss ?? 1) < report.baseRate.logLoss],
  ["a leaking join claims more than the truth", report.leak.auc > report.leak.honestAuc],
  ["the ONNX file computes what the trainer computes", report.parity.maxAbsDiff <= 1e-6],
  ["what is online is what history has", report.parity.online.values > 1_000 && report.parity.online.different === 0],
  ["at least 10,000 requests were answered", report.serving.requests >= 10_000],
  ["flights were streamed in meanwhile", report.serving.streamed > 1_000],
  [
    "what was served is as good as what was trained on",
    Math.abs(report.serving.auc - report.serving.offlineAuc) < 0.005,
  ],
  ["the model was swapped under its traffic", report.serving.swaps.made >= 4 && report.serving.swaps.compared >= 100],
  ["every request is in the feature log", report.watched.logged === report.serving.requests],
  [
    "nothing was served otherwise than history has it, but for features not brought up yet",
    ["expired", "unexpected", "differs", "onDemand"].every((cause) => report.watched.skew.causes[cause] === 0),
  ],
  ["no request failed", report.serving.errors === 0],
  ["the audit log verifies", report.audit.verified],
  ["somebody was refused something", report.refusals.length > 0],
  ["memory stayed below 3 GB", peak < 3e9],
];
const onAllRows: readonly (readonly [string, boolean])[] = [
  ["three million rows were ingested", report.rows.ingested === 3_000_000],
  ["the champion reaches an AUC of 0.75 on June", (champion?.auc ?? 0) >= 0.75],
  ["it took less than five minutes", report.totalSeconds < 300],
];
const checks = values.sample ? always : [...always, ...onAllRows];
for (const [rule, holds] of checks) console.log(`${holds ? "✓" : "✗"} ${rule}`);
process.exitCode = checks.every(([, holds]) => holds) ? 0 : 1;
