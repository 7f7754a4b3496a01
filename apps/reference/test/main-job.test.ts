import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stages } from "../src/job/stages.ts";
import type { Report } from "../src/report/report.ts";
import { type App, ashlarFeatures, type Exit, readJson, runToEnd, startApp, temporaryFolder } from "./app.ts";

// Enough for the trees to beat the baseline by more than the gate asks for.
const rows = "100000";
const folder = temporaryFolder();
const data = folder.file("undisturbed");
const runOnce = (into: string, report: string): readonly string[] => [
  "--once",
  "--rows",
  rows,
  "--data",
  into,
  "--report",
  folder.file(report),
];

let first: Exit;
let report: Report;

beforeAll(async () => {
  first = await runToEnd(...runOnce(data, "first.json"));
  report = readJson(folder.file("first.json"));
}, 240_000);
afterAll(() => folder[Symbol.dispose]());

test("the job builds everything, says so stage by stage, and ends in a summary", () => {
  expect(first).toMatchObject({ code: 0, stderr: "" });
  for (const { title } of stages) expect(first.stdout).toContain(`✓ ${title}`);
  for (const heading of ["What was built", "How good it is", "How fast it answers", "Who was refused what"]) {
    expect(first.stdout).toContain(heading);
  }
  expect(first.stdout.match(/^ {2}curl /gm)).toHaveLength(3);
  expect(first.stdout).not.toMatch(/eyJ[\w-]+\./);
});

test("the report holds every field that is promised, with true figures", () => {
  const { models, champion, serving } = report;
  expect(report.rows).toEqual({ ingested: Number(rows) });
  expect(report.lake).toEqual({ table: "flights", version: 0, files: 7 });
  expect(report.trainingSet).toMatchObject({
    rows: Number(rows),
    features: 54,
    digest: expect.stringMatching(/\w{64}/),
  });
  expect(report.trainingSet.leakedRowsWithoutKnownAt).toBeGreaterThan(Number(rows) * 0.9);
  expect(models.map(({ name }) => name).sort()).toEqual(["logistic", "mlp", "trees"]);
  for (const model of models) {
    expect(model.auc).toBeGreaterThan(0.6);
    expect(model.logLoss).toBeGreaterThan(0.3);
    expect(model.logLoss).toBeLessThan(0.6);
    expect(model.seconds).toBeGreaterThan(0);
  }
  expect(report.leak.auc).toBeGreaterThan(report.leak.honestAuc + 0.1);
  expect(champion).toEqual({
    name: "delay",
    version: 2,
    alias: "champion",
    digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    trainer: "trees",
    passedOver: null,
  });
  expect(report.parity.maxAbsDiff).toBeLessThan(1e-6);
  expect(report.parity.online.values).toBeGreaterThan(1_000);
  expect(report.parity.online.different).toBe(0);
  expect(Object.keys(serving).sort()).toEqual([
    "auc",
    "errors",
    "offlineAuc",
    "p50Ms",
    "p99Ms",
    "requests",
    "streamed",
    "swaps",
  ]);
  expect(serving.swaps.made).toBeGreaterThanOrEqual(4);
  expect(serving.swaps.compared).toBeGreaterThanOrEqual(100);
  const { logged, skew, drifted } = report.watched;
  expect(logged).toBe(serving.requests);
  expect(skew.compared).toBe(logged * report.trainingSet.features);
  // Features of days are up to a quarter of an hour old, and nothing else may be otherwise than in training.
  expect(skew.different).toBeLessThan(skew.compared / 5);
  expect(skew.causes).toMatchObject({ expired: 0, unexpected: 0, differs: 0, onDemand: 0 });
  // June is not the first half of the year.
  expect(drifted.map(({ feature }) => feature)).toContain("calendar:day_of_year");
  expect(serving).toMatchObject({ errors: 0 });
  expect(serving.streamed).toBeGreaterThan(1_000);
  expect(serving.requests).toBeGreaterThanOrEqual(10_000);
  expect(serving.p99Ms).toBeGreaterThanOrEqual(serving.p50Ms);
  expect(Math.abs(serving.auc - serving.offlineAuc)).toBeLessThan(0.005);
  expect(report.audit.verified).toBe(true);
  expect(report.audit.entries).toBeGreaterThanOrEqual(serving.requests);
  expect(report.refusals).toContainEqual({
    principal: "User::ada",
    action: "Registry::approve",
    resource: "Model::delay",
  });
  expect(report.refusals.map(({ principal }) => principal)).toContain("Anonymous::unknown");
  expect(report.stages.map(({ name }) => name)).toEqual(stages.map(({ name }) => name));
  for (const stage of report.stages) {
    expect(stage).toMatchObject({ resumed: false });
    expect(stage.peakRssBytes).toBeGreaterThan(50e6);
    expect(stage.peakRssBytes).toBeLessThan(3e9);
  }
  expect(report.totalSeconds).toBeGreaterThan(10);
  expect(report.unchanged).toBe(false);
});

test("the registry of features has the definitions, what was made of them, and profiles of their values", async () => {
  const features = (...args: readonly string[]) => ashlarFeatures(...args, "--data", data);
  expect(await features("plan", "--check")).toMatchObject({ code: 0, stdout: "Nothing would change.\n" });
  expect((await features("history")).stdout).toMatch(/^1 +\S+ +Service::pipeline +add .* for flights@0$/m);
  const profiles = JSON.parse((await features("history", "on_route", "--profiles", "--json")).stdout) as object[];
  expect(profiles).toMatchObject([
    { of: "served", profile: { rows: report.watched.logged } },
    { of: "training", profile: { columns: { "on_route:mean_delay_24h": { kind: "number" } } } },
  ]);
});

test("killed between stages and in training, it goes on and ends with the same champion", async () => {
  const disturbed = folder.file("disturbed");
  const flags = runOnce(disturbed, "resumed.json");
  const killedWhen = async (reached: (app: App) => Promise<unknown>): Promise<void> => {
    await using app = startApp(...flags);
    await reached(app);
    expect(await app.end("SIGKILL")).toMatchObject({ signal: "SIGKILL" });
  };
  await killedWhen((app) => app.prints(/✓ Ingest .*\n/));
  await whileDamaged(join(disturbed, "lake", "flights"), async (path) => {
    const before = modified(join(disturbed, "lake", "flights"));
    const refused = await runToEnd(...flags);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^RUN_FAILED: .*"features".*\n$/);
    expect(refused.stderr).toContain(path);
    expect(modified(join(disturbed, "lake", "flights"))).toEqual(before);
  });
  const table = modified(join(disturbed, "lake", "flights"));
  await killedWhen((app) =>
    app.reaches((seen) =>
      seen.stages.some(({ name, state, fraction }) => name === "train-trees" && state === "running" && fraction > 0.15),
    ),
  );
  await killedWhen((app) => app.prints(/✓ Register.*\n/));
  await killedWhen((app) =>
    app.reaches((seen) =>
      seen.stages.some(({ name, state, fraction }) => name === "serve" && state === "running" && fraction > 0.15),
    ),
  );
  const last = await runToEnd(...flags);

  expect(last).toMatchObject({ code: 0, stderr: "" });
  const resumed = readJson<Report>(folder.file("resumed.json"));
  expect(resumed.champion.digest).toBe(report.champion.digest);
  expect(resumed.champion.version).toBe(report.champion.version);
  expect(resumed.trainingSet.digest).toBe(report.trainingSet.digest);
  expect(resumed.audit.verified).toBe(true);
  expect(resumed.serving.auc).toBeCloseTo(report.serving.auc, 6);
  const repeated = resumed.stages.filter(({ resumed: before }) => !before).map(({ name }) => name);
  expect(repeated).toEqual(["serve", "watch", "prove"]);
  expect(last.stdout).toMatch(/Train boosted trees +done before/);
  expect(modified(join(disturbed, "lake", "flights"))).toEqual(table);
  expect(resumed.unchanged).toBe(false);
}, 240_000);

test("a second run on unchanged data says so and builds nothing", async () => {
  const before = modified(join(data, "lake"), join(data, "artifacts"), join(data, "models"));
  const again = await runToEnd(...runOnce(data, "again.json"));
  expect(again).toMatchObject({ code: 0, stderr: "" });
  expect(again.stdout).toContain("The data is unchanged: nothing was built again.");
  const second = readJson<Report>(folder.file("again.json"));
  expect(second.unchanged).toBe(true);
  expect(second.stages.every(({ resumed }) => resumed)).toBe(true);
  expect({ ...second, stages: [], totalSeconds: 0, unchanged: false }).toEqual({
    ...report,
    stages: [],
    totalSeconds: 0,
  });
  expect(second.stages.map(({ seconds }) => seconds)).toEqual(report.stages.map(({ seconds }) => seconds));
  expect(modified(join(data, "lake"), join(data, "artifacts"), join(data, "models"))).toEqual(before);
}, 60_000);

test("a damaged table file is named, and nothing is overwritten", async () => {
  await whileDamaged(join(data, "lake", "flights"), async (path) => {
    const before = modified(join(data, "lake"), join(data, "artifacts"), join(data, "models"));
    const refused = await runToEnd(...runOnce(data, "never.json"));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^TABLE_FILE_CORRUPT: .*\n$/);
    expect(refused.stderr).toContain(path);
    expect(modified(join(data, "lake"), join(data, "artifacts"), join(data, "models"))).toEqual(before);
    expect(readdirSync(folder.path)).not.toContain("never.json");
  });
}, 60_000);

test("another sample replaces the rows; a best model that does not clearly beat the baseline is passed over", async () => {
  const few = folder.file("few.json");
  const ended = await runToEnd("--once", "--rows", "86000", "--data", data, "--report", few);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  const second = readJson<Report>(few);
  expect(second.rows).toEqual({ ingested: 86_000 });
  expect(second.lake).toEqual({ table: "flights", version: 1, files: 7 });
  expect(second.champion).toMatchObject({
    version: report.champion.version + 1,
    trainer: "logistic",
    passedOver: { name: "trees", reason: expect.stringContaining("beats") },
  });
  expect(ended.stdout).toContain("trees did better and was not promoted");
}, 240_000);

test("a data directory of a newer version is left alone", async () => {
  const newer = folder.file("newer");
  mkdirSync(newer);
  writeFileSync(join(newer, "ashlar.json"), '{"layoutVersion":7}\n');
  const refused = await runToEnd("--once", "--fresh", "--data", newer);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/^DATA_DIRECTORY_TOO_NEW: .*version 7.*Upgrade.*\n$/);
  expect(readdirSync(newer)).toEqual(["ashlar.json"]);
});

test("a directory that cannot be made is named", async () => {
  writeFileSync(folder.file("a-file"), "");
  const refused = await runToEnd("--once", "--data", folder.file("a-file", "below"));
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/^DATA_DIRECTORY_UNUSABLE: .*a-file.below.*--data.*\n$/);
});

test("a port in use is named, with the way out", async () => {
  await using taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as AddressInfo;
  const refused = await runToEnd("--once", "--data", folder.file("port"), "--port", String(port));
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(new RegExp(`^PORT_IN_USE: Port ${port} is in use.*--port 0.*\\n$`));
});

test("a mistake on the command line is named, and nothing is made", async () => {
  const unknown = await runToEnd("--onse", "--data", folder.file("unknown"));
  expect(unknown).toMatchObject({ code: 2, stdout: "" });
  expect(unknown.stderr).toMatch(/unknown option '--onse'[^]*--once/);
  const few = await runToEnd("--rows", "12", "--data", folder.file("unknown"));
  expect(few).toMatchObject({ code: 2, stdout: "" });
  expect(few.stderr).toMatch(/^OPTION_INVALID: --rows 12 .*20000.*\n$/);
  expect(readdirSync(folder.path)).not.toContain("unknown");
});

/** When each file below these folders was last written. */
function modified(...folders: readonly string[]): Record<string, number> {
  const files = folders.flatMap((root) =>
    readdirSync(root, { recursive: true, withFileTypes: true }).map((entry) => join(entry.parentPath, entry.name)),
  );
  return Object.fromEntries(files.sort().map((path) => [path, statSync(path).mtimeMs]));
}

/** Flips a byte of a data file, runs, sees that nobody has touched it, and mends it. */
async function whileDamaged(lake: string, run: (path: string) => Promise<void>): Promise<void> {
  const path = Object.keys(modified(lake)).find((name) => name.endsWith(".parquet")) ?? "";
  const whole = readFileSync(path);
  const damaged = Buffer.from(whole);
  damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 0xff;
  writeFileSync(path, damaged);
  try {
    await run(path);
    expect(readFileSync(path)).toEqual(damaged);
  } finally {
    writeFileSync(path, whole);
  }
}
