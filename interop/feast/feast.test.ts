import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { column, createFeatureStore, entity, featureView, fromRows } from "@ashlar/feature-store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Feast, type FeastLabel, type FeastRow, missing, startFeast } from "./session.ts";

const second = 1_000_000;
const dateOf = (micros: number): Date => new Date(micros / 1000);

/** The same definition as `definitions` of session.py. */
const viewOf = (rows: readonly FeastRow[], ttl: "6s" | "500ms") =>
  featureView({
    name: "v",
    entities: [entity({ name: "thing", key: { id: "string" } })],
    source: fromRows(
      "rows",
      rows.map(([id, event, created, value]) => ({
        id,
        event: dateOf(event),
        created: dateOf(created),
        value,
        count: 0n,
        word: "",
      })),
    ),
    eventTime: "event",
    knownAt: "created",
    ttl,
    features: { value: column("value"), count: column("count", "int64"), word: column("word", "string") },
  });

/** What `trainingSet` gives, as Feast's session does. */
async function ours(
  rows: readonly FeastRow[],
  labels: readonly FeastLabel[],
  { ttl = "6s", knownAt }: { readonly ttl?: "6s" | "500ms"; readonly knownAt: boolean },
): Promise<[number, number | null][]> {
  const store = createFeatureStore({ views: [viewOf(rows, ttl)] });
  const set = await store.trainingSet({
    labels: fromRows(
      "labels",
      labels.map(([id, at, n]) => ({ id, at: dateOf(at), n })),
    ),
    time: "at",
    features: ["v:value"],
    knownAt,
  });
  return labels.map(([, , n], i) => [n, set.row(i)["v:value"]]);
}

// Ties are settled by when a row was created; one row arrives late, one is expired, one lies in the future.
const rows: readonly FeastRow[] = [
  ["a", second, second, 1],
  ["a", 5 * second, 9 * second, 2],
  ["a", 5 * second, 6 * second, 2.5],
  ["b", 20 * second, 20 * second, 3],
  ...Array.from({ length: 60 }, (_, i): FeastRow => [`k${i % 6}`, ((i * 7) % 13) * second, (14 + i) * second, i]),
];
/** Each has a row that it sees, of no label else's key and time, up to both ends of the ttl. */
const plainLabels: readonly FeastLabel[] = [
  ["a", second, 0],
  ["a", 7 * second, 1],
  ["a", 11 * second, 2],
  ["b", 20 * second, 3],
  ["b", 26 * second, 4],
  ...Array.from({ length: 6 }, (_, i): FeastLabel => [`k${i}`, 14 * second, 5 + i]),
];

describe.skipIf(missing !== "" && process.env["CI"] === undefined)(`Feast${missing && `: ${missing}`}`, () => {
  let feast: Feast;
  beforeAll(() => {
    feast = startFeast();
  });
  afterAll(() => feast[Symbol.asyncDispose]());

  it.each(["dask", "duckdb"] as const)("joins as its %s store does where that is right", async (offline) => {
    const found = await feast.historical({ offline, rows, labels: plainLabels, ttl_us: 6 * second });
    expect(found).toEqual(await ours(rows, plainLabels, { knownAt: false }));
    expect(new Map(found).get(2)).toBe(2);
  });

  it("joins by what was known as its DuckDB store does when it is asked to, and by default it leaks", async () => {
    const labels: readonly FeastLabel[] = [
      ["a", 6 * second, 0],
      ["a", 8 * second, 1],
      ["a", 9 * second, 2],
    ];
    const request = { offline: "duckdb", rows, labels, ttl_us: 6 * second } as const;
    const known = await ours(rows, labels, { knownAt: true });
    expect(await feast.historical({ ...request, known_at: true })).toEqual(known);
    expect(known).toEqual([
      [0, 2.5],
      [1, 2.5],
      [2, 2],
    ]);
    expect(await feast.historical(request)).toEqual([
      [0, 2],
      [1, 2],
      [2, 2],
    ]);
  });

  it("keeps a ttl below a second, as its DuckDB store does", async () => {
    const labels: readonly FeastLabel[] = [
      ["b", 20 * second + 500_000, 0],
      ["b", 20 * second + 501_000, 1],
    ];
    const found = await feast.historical({ offline: "duckdb", rows, labels, ttl_us: 500_000 });
    expect(found).toEqual(await ours(rows, labels, { ttl: "500ms", knownAt: false }));
    expect(found).toEqual([
      [0, 3],
      [1, null],
    ]);
  });

  it("keeps the labels that its default store drops or takes for one (T4, T5), and a null key apart (T13)", async () => {
    const labels: readonly FeastLabel[] = [
      ["a", 6 * second, 0],
      ["a", 6 * second, 1],
      ["b", 10 * second, 2],
      ["a", 13 * second, 3],
    ];
    const wanted = [
      [0, 2],
      [1, 2],
      [2, null],
      [3, null],
    ];
    expect(await ours(rows, labels, { knownAt: false })).toEqual(wanted);
    expect(await feast.historical({ offline: "duckdb", rows, labels, ttl_us: 6 * second })).toEqual(wanted);
    // Of two labels of one key and time one is left; those that only future and expired rows match are gone.
    expect(await feast.historical({ offline: "dask", rows, labels, ttl_us: 6 * second })).toEqual([[1, 2]]);
    const nobody: readonly FeastRow[] = [...rows, [null, second, second, 666]];
    const unkeyed: readonly FeastLabel[] = [
      [null, 2 * second, 0],
      ["a", 2 * second, 1],
    ];
    expect(await ours(nobody, unkeyed, { knownAt: false })).toEqual([
      [0, null],
      [1, 1],
    ]);
    expect(await feast.historical({ offline: "dask", rows: nobody, labels: unkeyed, ttl_us: 6 * second })).toEqual([
      [0, 666],
      [1, 1],
    ]);
  });

  describe("our handler", () => {
    const now = Date.now();
    const store = createFeatureStore({
      views: [
        featureView({
          name: "v",
          entities: [entity({ name: "thing", key: { id: "string" } })],
          source: fromRows("rows", [
            { id: "new", at: new Date(now - 1000), value: 1.5, count: 2n ** 40n, word: "été" },
            { id: "null", at: new Date(now - 1000), value: null, count: null, word: null },
            { id: "old", at: new Date(now - 3_600_000), value: 3, count: 4n, word: "x" },
          ]),
          eventTime: "at",
          ttl: "1m",
          features: { value: column("value"), count: column("count", "int64"), word: column("word", "string") },
        }),
      ],
    });
    let server: Server;
    let url: string;
    beforeAll(async () => {
      await store.materialize(store.views[0], { until: now });
      const handler = store.handler();
      server = createServer((incoming, outgoing) => {
        void (async () => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
          const request = new Request(`http://127.0.0.1${incoming.url ?? "/"}`, {
            method: incoming.method ?? "GET",
            headers: { "content-type": "application/json" },
            ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
          });
          const response = await handler(request);
          outgoing.writeHead(response.status, Object.fromEntries(response.headers));
          outgoing.end(Buffer.from(await response.arrayBuffer()));
        })();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(() => {
      server.closeAllConnections();
      server.close();
    });

    it("is read by Feast's own client of a remote online store", async () => {
      const read = await feast.remote(url, ["new", "nobody", "null", "old"]);
      expect(read).toEqual({
        id: ["new", "nobody", "null", "old"],
        value: [1.5, null, null, null],
        count: [2 ** 40, null, null, null],
        word: ["été", null, null, null],
      });
    });

    it("answers requests in Feast's shape, with statuses that tell expired from null", async () => {
      const body = {
        features: ["v:value"],
        entities: { id: ["new", "nobody", "null", "old"] },
        full_feature_names: true,
      };
      const { status, json } = await feast.post(url, body);
      expect(status).toBe(200);
      expect(json).toMatchObject({
        metadata: { feature_names: ["id", "v__value"] },
        results: [
          { values: ["new", "nobody", "null", "old"] },
          { values: [1.5, null, null, null], statuses: ["PRESENT", "NOT_FOUND", "NULL_VALUE", "OUTSIDE_MAX_AGE"] },
        ],
      });
      expect((await feast.post(url, { features: ["v:nothing"], entities: { id: ["new"] } })).status).toBe(400);
    });
  });
});
