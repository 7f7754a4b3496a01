import { isAshlarError } from "@ashlar/core";
import { DuckDBInstance } from "@duckdb/node-api";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  arrow,
  column,
  count,
  createFeatureStore,
  entity,
  featureService,
  featureView,
  fromTable,
  mean,
  memory,
  type OfflineEngine,
  type TableSource,
  type TrainingSink,
  window,
} from "../src/index.ts";
import { duckdb } from "../src/offline/duckdb.ts";
import { arrowTable } from "../src/testing/tables.ts";

const minute = 60_000_000;
const thing = entity({ name: "thing", key: { id: "string" } });
const good = {
  id: ["string", ["a", "a", "b"]],
  at: ["timestamp", [1 * minute, 2 * minute, 3 * minute]],
  value: ["float64", [1, 2, 3]],
} as const;

function viewOver(source: TableSource) {
  return featureView({
    name: "v",
    entities: [thing],
    source,
    eventTime: "at",
    ttl: "1d",
    features: { value: column("value"), mean: window("1h", mean("value")), rows: window("1h", count()) },
  });
}

const times = [1 * minute, 2 * minute, 3 * minute];
type Columns = Parameters<typeof arrowTable>[0];

const inMemory = async (name: string, columns: Columns): Promise<TableSource> => fromTable(name, arrowTable(columns));

const stored: Readonly<Record<string, (cell: unknown) => string>> = {
  string: (cell) => `'${String(cell)}'`,
  int64: (cell) => `${String(cell)}::BIGINT`,
  float64: (cell) => `${String(cell)}::DOUBLE`,
  timestamp: (cell) => `make_timestamptz(${String(cell)})`,
  naive: (cell) => `make_timestamp(${String(cell)})`,
};
const nulls: Readonly<Record<string, string>> = {
  string: "VARCHAR",
  int64: "BIGINT",
  float64: "DOUBLE",
  timestamp: "TIMESTAMPTZ",
  naive: "TIMESTAMP",
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ashlar-bad-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;
/** The same rows in a Parquet file. */
async function inFile(name: string, columns: Columns): Promise<TableSource> {
  const file = join(folder, `${files++}.parquet`);
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const entries = Object.entries(columns);
  const rows = Array.from({ length: entries[0]?.[1][1].length ?? 0 }, (_, row) => {
    const cells = entries.map(([, [kind, values]]) => {
      const cell = values[row] ?? null;
      return cell === null ? `NULL::${nulls[kind]}` : stored[kind]?.(cell);
    });
    return `(${cells.join()})`;
  });
  const names = entries.map(([column]) => `"${column}"`).join();
  await connection.run(`COPY (FROM (VALUES ${rows.join()}) AS t(${names})) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  return { ...fromTable(name, arrowTable(columns)), localFiles: async () => [file] };
}

const ways: readonly (readonly [string, () => OfflineEngine, typeof inMemory])[] = [
  ["arrow()", arrow, inMemory],
  ["duckdb()", () => duckdb({ keepBytes: 0 }), inMemory],
  ["duckdb() over files", () => duckdb({ keepBytes: 0 }), inFile],
];

/** What is thrown, with nothing in the sink: the same in memory as into a sink. */
async function refusal(
  [, engine, make]: (typeof ways)[number],
  source: Columns,
  asked: Columns,
  options: object = {},
): Promise<unknown> {
  const store = createFeatureStore({ views: [viewOver(await make("flights", source))], offline: engine() });
  const ask = { labels: await make("asked", asked), time: "at", features: ["v:*"], ...options } as const;
  let kept = false;
  const to: TrainingSink = {
    async append(batches) {
      for await (const batch of batches) expect(batch.numRows).toBeGreaterThanOrEqual(0);
      kept = true;
    },
  };
  const thrown = async (made: Promise<unknown>): Promise<unknown> =>
    made.then(
      () => "nothing",
      (error: unknown) => (isAshlarError(error) ? { ...error.toJSON(), stack: undefined } : error),
    );
  const inMemoryError = await thrown(store.trainingSet(ask));
  expect(await thrown(store.writeTrainingSet({ ...ask, to }))).toEqual(inMemoryError);
  expect(kept).toBe(false);
  return inMemoryError;
}

const asked = { id: ["string", ["a", "b"]], at: ["timestamp", [2 * minute, 5 * minute]] } as const;

describe("bad input is named by value, rule and remedy, in the same words by every engine", () => {
  it.each([
    [
      "naive timestamps",
      { ...good, at: ["naive", times] },
      "TIMESTAMP_NAIVE",
      ['"at" of "flights"', 'timezone: "UTC"'],
    ],
    [
      "text for a time",
      { ...good, at: ["string", ["x", "y", "z"]] },
      "COLUMN_TYPE_MISMATCH",
      ['"at" of "flights" holds strings', "a timestamp is wanted", "Cast it"],
    ],
    [
      "numbers for a time",
      { ...good, at: ["float64", [1, 2, 3]] },
      "COLUMN_TYPE_MISMATCH",
      ["holds floating-point numbers", "Cast it"],
    ],
    [
      "an unknown column",
      { id: good.id, at: good.at },
      "COLUMN_MISSING",
      ['no column "value"; it has id, at', "Correct"],
    ],
    ["no key column", { at: good.at, value: good.value }, "COLUMN_MISSING", ['no column "id"; it has at, value']],
    [
      "a key of another type",
      { ...good, id: ["int64", [1n, 1n, 2n]] },
      "COLUMN_TYPE_MISMATCH",
      ['"id" of "flights" holds integers', "string is wanted"],
    ],
    [
      "a feature of another type",
      { ...good, value: ["string", ["1", "2", "3"]] },
      "COLUMN_TYPE_MISMATCH",
      ['"value" of "flights" holds strings', "a number is wanted", "declare its type"],
    ],
    [
      "a time beyond all years",
      { ...good, at: ["timestamp", [1, 2, 2 ** 54]] },
      "TIMESTAMP_INVALID",
      ['Row 2 of "flights"', "1684 to 2255", "Correct or drop"],
    ],
  ] as const)("%s in the source: %s", async (_name, columns, code, words) => {
    const found = await Promise.all(ways.map((way) => refusal(way, columns, asked)));
    expect(found[0]).toMatchObject({ code });
    for (const word of words) expect(found[0]).toMatchObject({ message: expect.stringContaining(word) as string });
    for (const other of found.slice(1)) expect(other).toEqual(found[0]);
  });

  it.each([
    [
      "naive timestamps",
      { id: ["string", ["a"]], at: ["naive", [0]] },
      "TIMESTAMP_NAIVE",
      ['"at" of "asked"', 'timezone: "UTC"'],
    ],
    [
      "a null time",
      { id: ["string", ["a", "b"]], at: ["timestamp", [0, null]] },
      "LABEL_TIME_NULL",
      ["Row 1 of the labels", '"at"', "Fill it in or drop"],
    ],
    [
      "text for a time",
      { ...asked, at: ["string", ["x", "y"]] },
      "COLUMN_TYPE_MISMATCH",
      ['"at" of "asked"', "Cast it"],
    ],
    ["no time", { id: ["string", ["a"]] }, "COLUMN_MISSING", ['"asked" has no column "at"; it has id']],
    ["no key", { at: ["timestamp", [0]] }, "COLUMN_MISSING", ['"asked" has no column "id"; it has at']],
    [
      "a key of another type",
      { id: ["int64", [1n]], at: ["timestamp", [0]] },
      "COLUMN_TYPE_MISMATCH",
      ['"id" of "asked" holds integers', "string is wanted"],
    ],
    [
      "a column that a feature would take",
      { ...asked, "v:value": ["float64", [1, 2]] },
      "DEFINITION_INVALID",
      ['"v:value"', "rename it"],
    ],
  ] as const)("%s in the labels: %s", async (_name, columns, code, words) => {
    const found = await Promise.all(ways.map((way) => refusal(way, good, columns)));
    expect(found[0]).toMatchObject({ code });
    for (const word of words) expect(found[0]).toMatchObject({ message: expect.stringContaining(word) as string });
    for (const other of found.slice(1)) expect(other).toEqual(found[0]);
  });

  it.each([
    ["a feature that is not there", { features: ["v:valeu"] }, "FEATURE_UNKNOWN", ['"v:valeu"', "v:value, v:mean"]],
    ["a look-back of nothing", { lookBack: "0s" }, "DURATION_INVALID", ['lookBack "0s"', "a unit"]],
    ["another column for the time", { time: "when" }, "COLUMN_MISSING", ['no column "when"']],
  ] as const)("%s in the request: %s", async (_name, options, code, words) => {
    const found = await Promise.all(ways.map((way) => refusal(way, good, asked, options)));
    expect(found[0]).toMatchObject({ code });
    for (const word of words) expect(found[0]).toMatchObject({ message: expect.stringContaining(word) as string });
    for (const other of found.slice(1)) expect(other).toEqual(found[0]);
  });

  it("a tie that is to be refused: TIE_FOUND", async () => {
    const tied = { ...good, at: ["timestamp", [minute, minute, minute]] } as const;
    const found = await Promise.all(ways.map((way) => refusal(way, tied, asked, { onTie: "error" })));
    expect(found[0]).toMatchObject({ code: "TIE_FOUND", message: expect.stringContaining("the key a") as string });
    for (const other of found.slice(1)) expect(other).toEqual(found[0]);
  });
});

describe.each(ways)("%s", (_, engine, make) => {
  async function join(columns: Columns, labels: Columns) {
    const store = createFeatureStore({ views: [viewOver(await make("source", columns))], offline: engine() });
    return store.trainingSet({ labels: await make("labels", labels), time: "at", features: ["v:*"] });
  }

  it("loses no label for null keys and times, and matches nothing with them", async () => {
    const columns = {
      id: ["string", ["a", null, "b"]],
      at: ["timestamp", [1 * minute, 1 * minute, null]],
      value: ["float64", [1, 9, 9]],
    } as const;
    const set = await join(columns, {
      id: ["string", ["a", null, "b"]],
      at: ["timestamp", [2 * minute, 2 * minute, 2 * minute]],
    });
    expect(set.rows).toBe(3);
    expect([0, 1, 2].map((row) => set.row(row)["v:value"])).toEqual([1, null, null]);
  });

  it("gives labels twice that came twice, in their order", async () => {
    const set = await join(good, {
      id: ["string", ["a", "b", "a", "a"]],
      at: ["timestamp", [2 * minute, 5 * minute, 2 * minute, 0]],
    });
    expect(set.rows).toBe(4);
    expect([0, 1, 2, 3].map((row) => set.row(row)["v:value"])).toEqual([2, 3, 2, null]);
  });
});

it("a feature renamed under a running service leaves the service as it was, and is named to others", async () => {
  const source = fromTable("source", arrowTable(good));
  const old = viewOver(source);
  const renamed = featureView({
    name: "v",
    entities: [thing],
    source,
    eventTime: "at",
    ttl: "1d",
    features: { amount: column("value") },
  });
  const service = featureService({ name: "ranking", views: [old], features: ["v:value"] });
  const at = 10 * 60_000;
  const online = memory();
  await createFeatureStore({ views: [old], online }).materialize(old, { until: at });
  await using store = createFeatureStore({ views: [renamed], previous: [old], online });
  const handler = store.handler({ services: [service] });
  const ask = async (body: unknown) => {
    const answer = await handler(new Request("http://host/read", { method: "POST", body: JSON.stringify(body) }));
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  };
  const entities = [{ id: "a" }];
  const pinned = { entities, service: "ranking", at };
  const before = await ask(pinned);
  expect(before).toMatchObject({ status: 200, json: { rows: [{ "v:value": { status: "PRESENT", value: 2 } }] } });
  await store.backfill(renamed, { until: at });
  expect(await ask(pinned)).toEqual(before);
  expect(await ask({ entities, features: ["v:amount"], at })).toMatchObject({
    json: { rows: [{ "v:amount": { status: "PRESENT", value: 2 } }] },
  });
  const gone = await ask({ entities, features: ["v:value"], at });
  expect(gone).toMatchObject({
    status: 400,
    json: { error: { code: "FEATURE_UNKNOWN", details: { known: ["v:amount"] } } },
  });
  // A service of the old pin over the new definition is refused when it is made.
  const options = { name: "ranking", views: [renamed], features: ["v:amount"], pins: service.pins } as const;
  expect(() => featureService(options)).toThrow(expect.objectContaining({ code: "SERVICE_PIN_MISMATCH" }));
});
