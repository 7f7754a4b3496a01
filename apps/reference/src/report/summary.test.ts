import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import type { Report } from "./report.ts";
import { summaryText } from "./summary.ts";

const report: Report = {
  rows: { ingested: 3_000_000 },
  lake: { table: "flights", version: 4, files: 7 },
  trainingSet: { rows: 2_999_000, features: 54, digest: "0a", leakedRowsWithoutKnownAt: 1_234_567 },
  models: [
    { name: "logistic", auc: 0.74, logLoss: 0.45, seconds: 9, trainedOn: 1 },
    { name: "trees", auc: 0.7728, logLoss: 0.4258, seconds: 70, trainedOn: 1 },
  ],
  baseRate: { logLoss: 0.5 },
  leak: { auc: 0.9871, honestAuc: 0.7728, trainedOn: 400_000 },
  champion: { name: "delay", version: 2, alias: "champion", digest: "sha256:00", trainer: "trees", passedOver: null },
  parity: { maxAbsDiff: 1.5e-7, online: { values: 8_642, different: 7 } },
  serving: {
    requests: 12_640,
    errors: 3,
    p50Ms: 6.24,
    p99Ms: 31.9,
    auc: 0.7701,
    offlineAuc: 0.7719,
    streamed: 65_432,
    swaps: { made: 4, compared: 404 },
  },
  watched: {
    logged: 12_640,
    skew: { compared: 682_560, different: 4_321, causes: { stale: 4_300, differs: 21, missing: 0 } },
    drifted: [{ feature: "calendar:day_of_year", psi: 8.123 }],
  },
  audit: { entries: 25_000, verified: true },
  refusals: [{ principal: "User::ada", action: "Audit::read", resource: "Log::audit" }],
  stages: [],
  totalSeconds: 241.4,
  unchanged: false,
};
const tell = (changes: Partial<Report> = {}) =>
  stripVTControlCharacters(summaryText({ ...report, ...changes }, { origin: "https://localhost:8443", data: "/d" }));

test("says what was built, how good it is, how fast it answers, and who was refused", () => {
  const text = tell();
  for (const fact of [
    "3,000,000 flights",
    "version 4, 7 files",
    "2,999,000 rows and 54 features",
    "delay@champion is version 2",
    "0.9871",
    "1,234,567",
    "12,640 June flights",
    "3 errors",
    "6.2 ms",
    "31.9 ms",
    "65,432 landings",
    "swapped 4 times, each after 101 equal answers",
    "1.5e-7",
    "of 8,642 values online, 7 differ",
    "Of 682,560 values, 4,321 differ",
    "4,300 stale, 21 differs.",
    "1 feature has drifted since training, first calendar:day_of_year (PSI 8.12).",
    "User::ada may not do Audit::read on Log::audit",
    "25,000 entries verifies",
    "241 s",
  ]) {
    expect(text).toContain(fact);
  }
  expect(text).not.toContain("unchanged");
});

test("names the best model first", () => {
  const text = tell();
  expect(text.indexOf("trees")).toBeLessThan(text.indexOf("logistic"));
});

test("gives three lines to try, with the tokens left in their file", () => {
  const lines = tell().match(/^ {2}curl .*$/gm) ?? [];
  expect(lines).toHaveLength(3);
  for (const [index, path] of ["/predict", "/registry/models", "/audit/verify"].entries()) {
    expect(lines[index]).toContain(`https://localhost:8443${path}`);
    expect(lines[index]).toContain("--cacert /d/ca.pem");
    expect(lines[index]).toContain("/d/credentials.json");
  }
});

test("hides no bad news", () => {
  const passedOver = { name: "trees", reason: "The gate beats failed." };
  const champion = { ...report.champion, trainer: "logistic", passedOver };
  expect(tell({ champion })).toContain("trees did better and was not promoted: The gate beats failed.");
  expect(tell({ audit: { entries: 1, verified: false } })).toContain("DOES NOT VERIFY");
  const skew = { compared: 10, different: 0, causes: { stale: 0 } };
  expect(tell({ watched: { logged: 1, skew, drifted: [] } })).toContain("0 differ from the point-in-time join of the");
  expect(tell({ unchanged: true })).toContain("unchanged: nothing was built again");
});
