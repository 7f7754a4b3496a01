import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fileSystem } from "@ashlar/storage/file-system";
import { batchFrom, openLake } from "@ashlar/storage/lake";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDataDirectory } from "../src/cli/data-directory.ts";
import { runFeatures } from "../src/cli/features/command.ts";
import { flightSchema } from "../src/flights/batches.ts";
import { landedAt } from "../src/flights/landing.ts";
import { ashlarFeatures, commandEntry, type Ended, readJson, temporaryFolder } from "./app.ts";

const folder = temporaryFolder();
const data = folder.file("data");
afterAll(() => folder[Symbol.dispose]());

/** `ashlar features` in this process, which starts a second sooner. */
async function here(...args: readonly string[]): Promise<Ended> {
  const said = { stdout: "", stderr: "" };
  const out = { write: (text: string) => (said.stdout += text) };
  const err = { write: (text: string) => (said.stderr += text) };
  const code = await runFeatures(args, { out, err });
  return { code, ...said };
}

const inChild = (...args: readonly string[]): Promise<Ended> => ashlarFeatures(...args, "--data", data);
const onData = (...args: readonly string[]): Promise<Ended> => here(...args, "--data", data);
const json = async (...args: readonly string[]): Promise<Record<string, unknown>> =>
  JSON.parse((await onData(...args, "--json")).stdout) as Record<string, unknown>;

beforeAll(() => writeFileSync(folder.file("null.json"), "null"));

/** A table as the job writes it, of flights every half hour in May and June. */
beforeAll(async () => {
  const directory = openDataDirectory(data, { fresh: false });
  await using lake = openLake({ objects: fileSystem({ root: directory.file("lake") }) });
  const table = await lake.table("flights", { schema: flightSchema, partitionBy: ["month"] });
  const numbers = Array.from({ length: 2_000 }, (_, i) => i);
  const date = numbers.map((i) => Date.UTC(2001, 4, 11) * 1000 + i * 30 * 60_000_000);
  const june = date.map((time) => time >= Date.UTC(2001, 5, 1) * 1000);
  const delay = numbers.map((i) => ((i * 7) % 31) + (june[i] === true ? 40 : 0));
  const airports = ["JFK", "LAX", "SFO"];
  await table.append(
    batchFrom({
      flight: ["integer", numbers],
      date: ["timestamp", date.map(BigInt)],
      delay: ["integer", delay],
      distance: ["integer", numbers.map((i) => 300 + (i % 9))],
      origin: ["string", numbers.map((i) => airports[i % 3] as string)],
      destination: ["string", numbers.map((i) => airports[(i + 1) % 3] as string)],
      landed_at: ["timestamp", date.map((time, i) => BigInt(landedAt(time, delay[i] ?? 0, 300)))],
      late: ["boolean", delay.map((minutes) => minutes > 15)],
      month: ["string", june.map((is) => (is ? "2001-06" : "2001-05"))],
    }),
  );
});

describe("ashlar features", () => {
  it("plans, applies a plan that was kept, and tells history", async () => {
    const check = await inChild("plan", "--check");
    expect([check.code, check.stderr]).toEqual([3, ""]);
    expect(check.stdout).toMatch(/^add +view from_origin_live /m);
    const plan = await onData("plan", "--json");
    expect(plan.code).toBe(0);
    expect((JSON.parse(plan.stdout) as { changes: unknown[] }).changes).toHaveLength(10);
    writeFileSync(folder.file("plan.json"), plan.stdout);
    const applied = await inChild("apply", "--by", "ada", "--message", "start", "--plan", folder.file("plan.json"));
    expect([applied.code, applied.stderr]).toEqual([0, ""]);
    expect(applied.stdout).toContain("The registry is at revision 1.");
    // It was made for a revision that is gone.
    const again = await onData("apply", "--by", "bob", "--plan", folder.file("plan.json"));
    expect([again.code, again.stdout]).toEqual([1, ""]);
    expect(again.stderr).toMatch(/^REGISTRY_CONFLICT: /);
    expect(await onData("plan", "--check")).toMatchObject({ code: 0, stdout: "Nothing would change.\n" });
    expect((await onData("history")).stdout).toMatch(/^1 +\d{4}-.* ada +add from_origin, .* start$/m);
    expect((await onData("history", "on_route")).stdout).toContain("in force");
    const unknown = await onData("history", "nothing");
    expect([unknown.code, unknown.stderr.split(":")[0]]).toEqual([1, "DEFINITION_NOT_FOUND"]);
  });

  it("finds definitions by part of a name, entity, owner and tag", async () => {
    const found = await json("search", "route", "--entity", "route", "--owner", "airside", "--tag", "delay");
    expect(found["items"]).toMatchObject([{ kind: "view", name: "on_route", source: "flights" }]);
    expect((await inChild("search", "--owner", "nobody")).stdout).toBe("Nothing was found.\n");
    const first = await onData("search", "--limit", "3");
    const cursor = /--cursor (\S+)/.exec(first.stdout)?.[1] ?? "";
    expect((await json("search", "--cursor", cursor))["items"]).toHaveLength(7);
  });

  it("materialises, and reads what is online with status and age", async () => {
    const until = "2001-06-05T00:00:00Z";
    const done = await inChild("materialize", "from_origin", "on_route", "from_origin_live", "--until", until);
    expect([done.code, done.stderr]).toEqual([0, ""]);
    expect(done.stdout).toMatch(/^from_origin +3 +2001-06-05T00:00:00.000Z$/m);
    const again = await json("materialize", "from_origin", "--until", until);
    expect(again).toMatchObject([{ view: "from_origin", written: 0 }]);
    const copied = await onData("materialize", "from_origin", "--until", until, "--backfill");
    expect([copied.code, copied.stderr]).toEqual([0, ""]);

    const at = ["--at", "2001-06-05T00:10:00Z"];
    const read = ["online", "from_origin:mean_delay_24h", "calendar", "--key", "origin=JFK", "--key", "distance=300"];
    const table = await inChild(...read, ...at);
    expect(table.stdout).toMatch(/^from_origin:mean_delay_24h +PRESENT +\d+\.\d+ +600 s$/m);
    expect(table.stdout).toMatch(/^calendar:minute_of_day +PRESENT +10 +0 s$/m);
    const route = await json("online", "on_route", "--key", "origin=JFK", "--key", "destination=XXX", ...at);
    expect(route["on_route:mean_delay_24h"]).toEqual({ status: "NOT_FOUND", value: null, ageMs: null });
  });

  it("compares features before and after a moment, and ends with 3 when they have drifted", async () => {
    const drifted = await inChild("drift", "--every", "2");
    expect([drifted.code, drifted.stderr]).toEqual([3, ""]);
    expect(drifted.stdout).toMatch(/^training to offline +from_origin:mean_delay_24h .*population stability index/m);
    const split = ["--split", "2001-05-20T00:00:00Z", "--every", "5"];
    const report = await json("drift", ...split, "--record");
    const kept = await json("history", "on_route", "--profiles");
    expect(kept).toMatchObject([
      { of: "offline", view: "on_route", profile: { columns: { "on_route:mean_delay_24h": { kind: "number" } } } },
      { of: "training", view: "on_route" },
    ]);
    expect((await onData("history", "calendar", "--profiles")).stdout).toMatch(
      /training .* calendar:day_of_week +\d+ +0 /,
    );
    expect(report["comparisons"]).toMatchObject([{ reference: "training", current: "offline" }]);
  });

  it.each([
    [["plan"], 1, "DATA_DIRECTORY_UNUSABLE"],
    [["nonsense"], 2, "error: unknown command"],
    [["apply", "--data", data], 2, "error: required option"],
    [["materialize", "--until", "2001-06-05 00:00", "--data", data], 2, "OPTION_INVALID"],
    [["materialize", "--until", "2001-02-30T00:00:00Z", "--data", data], 2, "OPTION_INVALID"],
    [["materialize", "nothing", "--until", "2001-06-05T00:00:00Z", "--data", data], 2, "OPTION_INVALID"],
    [["online", "from_origin", "--key", "origin", "--data", data], 2, "OPTION_INVALID"],
    [["online", "from_origin", "--key", "airport=JFK", "--data", data], 2, "OPTION_INVALID"],
    [["online", "calendar", "--key", "distance=far", "--data", data], 2, "OPTION_INVALID"],
    [["online", "from_origin", "--data", data], 1, "ENTITY_KEY_INVALID"],
    [["online", "from_nowhere:x", "--data", data], 1, "FEATURE_UNKNOWN"],
    [["apply", "--by", "ada", "--plan", commandEntry, "--data", data], 2, "OPTION_INVALID"],
    [["apply", "--by", "ada", "--plan", folder.file("null.json"), "--data", data], 1, "PLAN_INVALID"],
    [["search", "--limit", "0", "--data", data], 2, "OPTION_INVALID"],
    [["history", "--profiles", "--data", data], 2, "OPTION_INVALID"],
  ])("of %j ends with %d and says %s", async (args, code, said) => {
    const where = args.includes("--data") ? [] : ["--data", folder.file("nowhere")];
    const ended = await here(...args, ...where);
    expect([ended.code, ended.stdout]).toEqual([code, ""]);
    expect(ended.stderr).toContain(said);
  });

  it("shows help with its exit codes, and is what the package's bin names", async () => {
    const help = await ashlarFeatures("--help");
    expect(help.code).toBe(0);
    expect(help.stdout).toContain("Exit codes: 0 done, 1 failed, 2 wrong command line, 3 found");
    for (const name of ["plan", "apply", "materialize", "history", "online", "drift", "search"]) {
      expect(help.stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
    }
    const manifest = readJson<{ bin: Record<string, string> }>(
      fileURLToPath(new URL("../package.json", import.meta.url)),
    );
    expect(commandEntry.endsWith(manifest.bin["ashlar"] as string)).toBe(true);
    expect(readFileSync(commandEntry, "utf8")).toMatch(/^#!/);
  });
});
