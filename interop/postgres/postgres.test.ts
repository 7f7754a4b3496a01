import { postgres, type PostgresPool } from "@ashlar/feature-store/postgres";
import { describeOnlineStore } from "@ashlar/feature-store/testing";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { onlineEntries } from "../online-entries.ts";
import { isThere, type PostgresServer, startPostgres } from "./server.ts";

const ci = process.env["CI"] !== undefined;
let prefixes = 0;
const prefix = (): string => `test_${++prefixes}`;

describe.skipIf(!isThere && !ci)(`PostgreSQL (postgres: ${isThere ? "found" : "missing"})`, () => {
  let server: PostgresServer;
  let pool: Pool;

  beforeAll(async () => {
    server = await startPostgres();
    pool = new Pool({ connectionString: server.url });
    pool.on("error", () => undefined);
  });
  afterAll(async () => {
    await pool?.end();
    await server?.[Symbol.asyncDispose]();
  });

  describeOnlineStore("postgres", { create: () => postgres({ pool, prefix: prefix() }) });
  describeOnlineStore("postgres by its url", { create: () => postgres({ url: server.url, prefix: prefix() }) });

  it("takes the pool of pg as it is", () => {
    expectTypeOf<Pool>().toExtend<PostgresPool>();
  });

  it("makes its tables once, whoever of many comes first", async () => {
    const name = prefix();
    const stores = Array.from({ length: 12 }, () => postgres({ url: server.url, prefix: name }));
    onTestFinished(async () => {
      for (const store of stores) await store[Symbol.asyncDispose]();
    });
    await Promise.all(stores.map((store, i) => store.write("v@1", onlineEntries(300, i), { watermark: i })));
    expect(await stores[0]?.watermark("v@1")).toBe(11);
    const { vectors } = (await stores[0]?.read("v@1", [Buffer.from("entity-7")])) ?? { vectors: [] };
    expect(vectors[0]?.[15]).toBe(11);
  });

  it("shows all of a write that is cut off, or nothing, and a repeat writes it", async () => {
    const name = prefix();
    const store = postgres({ url: server.url, prefix: name });
    onTestFinished(() => store[Symbol.asyncDispose]());
    const entries = onlineEntries(20_000, 1);
    await store.write("v@0", []);
    const begun = store.write("v@1", entries, { watermark: 5 }).then(
      () => "written",
      (error: unknown) => error,
    );
    for (let i = 0; i < 500; i++) {
      const { rows } = await pool.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()",
        [`%${name}_vector%`],
      );
      if (rows.length > 0) break;
    }
    const failed = { code: "ONLINE_STORE_UNAVAILABLE", retryable: true, details: { store: "PostgreSQL" } };
    expect(await begun).toMatchObject(failed);
    const seen = await store.read(
      "v@1",
      entries.map(({ key }) => key),
    );
    expect([seen.watermark, seen.vectors.every((vector) => vector === undefined)]).toEqual([undefined, true]);
    await store.write("v@1", entries, { watermark: 5 });
    expect(await store.watermark("v@1")).toBe(5);
  });

  it("loses no write it acknowledged to kill -9 of the server", async () => {
    const name = prefix();
    const store = postgres({ url: server.url, prefix: name });
    onTestFinished(() => store[Symbol.asyncDispose]());
    const entries = onlineEntries(1_000, 3);
    await store.write("v@1", entries, { watermark: 7 });
    await server.killAndStartAgain();
    await expect
      .poll(() => store.watermark("v@1").catch((error: { code: string }) => error.code), { timeout: 20_000 })
      .toBe(7);
    const { vectors } = await store.read(
      "v@1",
      entries.map(({ key }) => key),
    );
    expect(vectors.filter((vector) => vector === undefined)).toEqual([]);
  });

  it("names what the server refuses, a server that is not there, and a prefix that is no name", async () => {
    const name = prefix();
    await pool.query(`CREATE TABLE ${name}_vector (other int); CREATE TABLE ${name}_watermark (other int)`);
    const refused = postgres({ pool, prefix: name });
    const failed = { code: "ONLINE_STORE_REFUSED", retryable: false };
    await expect(refused.watermark("v@1")).rejects.toMatchObject(failed);
    const nobody = postgres({ url: "postgres://ashlar@127.0.0.1:1/postgres" });
    await expect(nobody.watermark("v@1")).rejects.toMatchObject({ code: "ONLINE_STORE_UNAVAILABLE" });
    await nobody[Symbol.asyncDispose]();
    await expect(nobody.watermark("v@1")).rejects.toMatchObject({ code: "CLOSED" });
    const bad = expect.objectContaining({ code: "DEFINITION_INVALID" });
    expect(() => postgres({ pool, prefix: "x; DROP TABLE y" })).toThrow(bad);
  });
});
