import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SqlDatabase } from "../sql-database.ts";
import { openSqlite } from "./index.ts";

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ashlar-sqlite-"));
  path = join(folder, "state.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (component: string, at = path, busyTimeoutMs = 10_000): Promise<SqlDatabase> =>
  openSqlite({
    path: at,
    component,
    migrations: [{ name: "create", sql: `CREATE TABLE ${component} (n INTEGER NOT NULL) STRICT` }],
    busyTimeoutMs,
  });

describe("two components in one file of one process", () => {
  it("take turns: interleaved transactions all commit, and none sees another half done", async () => {
    await using database = await open("a");
    symlinkSync(folder, join(folder, "link"));
    await using other = await open("b", join(folder, "link", "..", "link", "state.db"));
    let inside = 0;
    let most = 0;
    const write = (into: SqlDatabase, table: string, n: number): Promise<void> =>
      into.transaction(async (tx) => {
        most = Math.max(most, ++inside);
        await tx.run(`INSERT INTO ${table} VALUES (?)`, [n]);
        await turn();
        const [row] = await tx.query<{ a: number; b: number }>(
          "SELECT (SELECT count(*) FROM a) AS a, (SELECT count(*) FROM b) AS b",
        );
        await tx.run(`INSERT INTO ${table} VALUES (?)`, [(row?.a ?? 0) + (row?.b ?? 0)]);
        inside -= 1;
      });
    const writes = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? write(database, "a", n) : write(other, "b", n)));
    await Promise.all(writes);
    expect(most).toBe(1);
    // Every transaction saw all of those before it, whole: two rows of each, and its own first.
    const seen = await other.query("SELECT n FROM a UNION ALL SELECT n FROM b ORDER BY n");
    const counts = Array.from({ length: 20 }, (_, n) => 2 * n + 1);
    expect(seen).toEqual([...counts, ...counts.map((_, n) => n)].sort((x, y) => x - y).map((n) => ({ n })));
  });

  it("read while the other writes, and go on when it fails or closes", async () => {
    await using database = await open("a");
    const other = await open("b");
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const failing = other.transaction(async (tx) => {
      await tx.run("INSERT INTO b VALUES (1)");
      await held;
      throw new Error("changed my mind");
    });
    expect(await database.query("SELECT * FROM b")).toEqual([]);
    const waiting = database.run("INSERT INTO a VALUES (1)");
    release();
    await expect(failing).rejects.toThrow("changed my mind");
    expect(await waiting).toBe(1);
    await other[Symbol.asyncDispose]();
    expect(await database.run("INSERT INTO a VALUES (2)")).toBe(1);
    expect(await database.query("SELECT * FROM b")).toEqual([]);
  });

  it("share nothing when each is in memory", async () => {
    await using database = await open("a", ":memory:");
    await database.transaction(async () => {
      await using other = await open("a", ":memory:");
      expect(await other.run("INSERT INTO a VALUES (1)")).toBe(1);
    });
    expect(await database.query("SELECT * FROM a")).toEqual([]);
  });
});

describe("a lock of another process", () => {
  it("is waited for with the event loop free, then DATABASE_BUSY, then it goes on", async () => {
    await using database = await open("a", path, 200);
    await using patient = await open("b");
    const script = fileURLToPath(new URL("../../test/lock-child.ts", import.meta.url));
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, path], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    try {
      await once(child.stdout, "data");
      let turns = 0;
      const ticking = setInterval(() => (turns += 1), 5);
      const busy = { code: "DATABASE_BUSY", retryable: true, details: { path, waitedMs: 200 } };
      await expect(database.run("INSERT INTO a VALUES (1)")).rejects.toMatchObject(busy);
      await expect(open("c", path, 200)).rejects.toMatchObject(busy);
      expect(await database.query("SELECT * FROM a")).toEqual([]);
      clearInterval(ticking);
      expect(turns).toBeGreaterThan(5);

      const waiting = patient.transaction((tx) => tx.run("INSERT INTO b VALUES (1)"));
      await turn();
      child.stdin.write("go");
      expect(await waiting).toBe(1);
      expect(await database.run("INSERT INTO a VALUES (1)")).toBe(1);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
