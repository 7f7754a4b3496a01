import { mkdtempSync, rmSync, writeFileSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSqlite } from "./index.ts";

const migrations = [{ name: "create", sql: "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT" }];

describe("openSqlite", () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "ashlar-sqlite-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("migrates once and keeps what was committed", async () => {
    const path = join(folder, "deep", "state.db");
    for (const text of ["first", "second"]) {
      await using database = await openSqlite({ path, component: "notes", migrations });
      expect(await database.run("INSERT INTO note (text) VALUES (?)", [text])).toBe(1);
    }
    await using database = await openSqlite({ path, component: "notes", migrations });
    expect(await database.query("SELECT text FROM note ORDER BY id")).toEqual([{ text: "first" }, { text: "second" }]);
  });

  it("rolls a failed transaction back and lets the next one in", async () => {
    await using database = await openSqlite({ path: ":memory:", component: "notes", migrations });
    const failed = database.transaction(async (tx) => {
      await tx.run("INSERT INTO note (text) VALUES ('lost')");
      throw new Error("changed my mind");
    });
    const next = database.transaction((tx) => tx.run("INSERT INTO note (text) VALUES ('kept')"));
    await expect(failed).rejects.toThrow("changed my mind");
    await next;
    expect(await database.query("SELECT text FROM note")).toEqual([{ text: "kept" }]);
  });

  it("keeps a statement out of a transaction that is open", async () => {
    await using database = await openSqlite({ path: ":memory:", component: "notes", migrations });
    const seen: unknown[] = [];
    const open = database.transaction(async (tx) => {
      await tx.run("INSERT INTO note (text) VALUES ('a')");
      await new Promise((resolve) => setTimeout(resolve, 10));
      await tx.run("DELETE FROM note");
    });
    const outside = database.query("SELECT count(*) AS n FROM note").then(([row]) => seen.push(row));
    await Promise.all([open, outside]);
    expect(seen).toEqual([{ n: 0 }]);
  });

  it("refuses a newer schema and a file that is no database, and changes neither", async () => {
    const path = join(folder, "state.db");
    const newer = [...migrations, { name: "more", sql: "CREATE TABLE extra (id INTEGER) STRICT" }];
    await (await openSqlite({ path, component: "notes", migrations: newer }))[Symbol.asyncDispose]();
    await expect(openSqlite({ path, component: "notes", migrations })).rejects.toMatchObject({
      code: "SCHEMA_TOO_NEW",
      details: { found: 2, known: 1 },
    });

    const other = join(folder, "readme.txt");
    writeFileSync(other, "not a database, and long enough to be looked at as one".repeat(20));
    const before = readFileSync(other, "utf8");
    const opening = openSqlite({ path: other, component: "notes", migrations });
    await expect(opening).rejects.toMatchObject({ code: "DATABASE_UNUSABLE" });
    expect(readFileSync(other, "utf8")).toBe(before);
  });
});
