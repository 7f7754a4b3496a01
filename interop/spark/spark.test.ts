import { mkdtemp, readdir, rm, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileSystem } from "@ashlar/storage/file-system";
import { batchFrom, type ColumnType, type Lake, type LakeTable, openLake } from "@ashlar/storage/lake";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applied, firstShape, historyOf, type HistoryState } from "../../packages/storage/test/history.ts";
import { columnsOfShape, play } from "../../packages/storage/test/play.ts";
import { canonicalRows, ordered } from "./canonical.ts";
import { missing, type Spark, startSpark } from "./session.ts";

// Every kind of column, with nulls, negative numbers, the ends of their ranges and texts that need escaping.
const everything = `
  SELECT * FROM VALUES
    (1L, true, 1Y, 2S, 3, 1.5F, -0.1D, 'ä "b" 😀', X'00FF', DATE'2001-06-01', TIMESTAMP'2001-06-01 12:30:00.123456',
     CAST('12345678901234567890123456789012345.678' AS DECIMAL(38,3)), CAST(-1.25 AS DECIMAL(9,2)),
     named_struct('x', 1, 'y', array('a', null)), array(1L, null, -9223372036854775808L), map('k', 1, 'l', null)),
    (2L, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
    (9007199254740993L, false, -128Y, -32768S, -2147483648, -2.5F, 1e300D, '', X'', DATE'1969-12-31',
     TIMESTAMP'1900-01-01 00:00:00.000001', CAST('-0.001' AS DECIMAL(38,3)), CAST(1234567.89 AS DECIMAL(9,2)),
     named_struct('x', null, 'y', array()), array(), map())
  AS t(n, flag, tiny, small, whole, single, real, text, bytes, day, at, wide, price, pair, list, dict)`;

const field = <Type extends ColumnType>(name: string, type: Type) => ({ name, type, nullable: true, metadata: {} });

describe.skipIf(missing !== "" && process.env["CI"] === undefined)(`Spark${missing && `: ${missing}`}`, () => {
  let root = "";
  let spark: Spark;
  let lake: Lake;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "ashlar-spark-"));
    lake = openLake({ objects: fileSystem({ root }) });
    spark = await startSpark(join(root, "warehouse"));
  }, 120_000);
  afterAll(async () => {
    await spark?.[Symbol.asyncDispose]();
    await lake?.[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  const path = (name: string): string => `delta.\`${join(root, name)}\``;
  const create = (name: string, query: string, properties = "", partition = ""): Promise<unknown> =>
    spark.sql(`CREATE TABLE ${path(name)} USING delta ${partition} ${properties} AS ${query}`);
  const theirs = async (name: string, columns = "*", rest = ""): Promise<Record<string, unknown>[]> =>
    ordered(await spark.sql(`SELECT ${columns} FROM ${path(name)} ${rest}`));
  const agree = async (name: string): Promise<LakeTable> => {
    const table = await lake.table(name);
    expect(await canonicalRows(table)).toEqual(await theirs(name));
    return table;
  };
  const forget = async (name: string, below: number): Promise<void> => {
    for (const file of await readdir(join(root, name, "_delta_log"))) {
      const version = /^(\d{20})\.json$/.exec(file)?.[1];
      if (version !== undefined && Number(version) < below) await unlink(join(root, name, "_delta_log", file));
    }
  };
  const numbered = (from: number, count: number) =>
    batchFrom({
      n: ["long", Array.from({ length: count }, (_, i) => BigInt(from + i))],
      s: ["string", Array.from({ length: count }, (_, i) => (i % 3 === 0 ? null : `row ${from + i}`))],
      part: ["string", Array.from({ length: count }, (_, i) => (i % 2 === 0 ? "a/b c" : "ü=%"))],
    });

  describe("writes what we read", () => {
    it("every type, nested ones and wide decimals, and INT96 times", async () => {
      await create("types", everything);
      expect((await (await agree("types")).snapshot()).rows).toBe(3);
      await spark.sql("SET spark.sql.parquet.outputTimestampType=INT96");
      await create("int96", "SELECT 1L n, TIMESTAMP'2001-06-01 12:30:00.123456' at");
      await spark.sql("RESET spark.sql.parquet.outputTimestampType");
      await agree("int96");
    });

    it("partitions of every kind, and rows changed by delete, update and merge", async () => {
      const query =
        "SELECT id n, id % 3 a, CAST(id AS STRING) s, DATE'2001-01-01' + CAST(id AS INT) day FROM range(60)";
      await create("changed", query, "", "PARTITIONED BY (a, day)");
      await spark.sql(`DELETE FROM ${path("changed")} WHERE n < 10`);
      await spark.sql(`UPDATE ${path("changed")} SET s = 'x /=%' WHERE a = 1`);
      await spark.sql(
        `MERGE INTO ${path("changed")} t USING (SELECT 15L n UNION ALL SELECT 99L) s ON t.n = s.n
         WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (n, a, s, day) VALUES (s.n, 0, null, null)`,
      );
      const table = await agree("changed");
      expect((await canonicalRows(table, { where: { a: 1n } })).length).toBe(
        (await theirs("changed", "n", "WHERE a = 1")).length,
      );
    });

    it("its checkpoints, in one part and in several, without the entries before them", async () => {
      await create(
        "checkpointed",
        "SELECT id n, 'x' s FROM range(5)",
        "TBLPROPERTIES ('delta.checkpointInterval' = 3)",
      );
      await spark.sql("SET spark.databricks.delta.checkpoint.partSize=2");
      for (let i = 0; i < 7; i++)
        await spark.sql(`INSERT INTO ${path("checkpointed")} SELECT id + ${10 + i}, 'y' FROM range(2)`);
      await spark.sql("RESET spark.databricks.delta.checkpoint.partSize");
      const files = await readdir(join(root, "checkpointed", "_delta_log"));
      expect(files.filter((file) => /checkpoint\.\d+\.\d+\.parquet$/.test(file)).length).toBeGreaterThan(1);
      await forget("checkpointed", 6);
      lake = openLake({ objects: fileSystem({ root }) });
      await agree("checkpointed");
    });

    it("deletion vectors", async () => {
      const on = "TBLPROPERTIES ('delta.enableDeletionVectors' = true)";
      await create("vectors", "SELECT /*+ COALESCE(1) */ id n FROM range(5000)", on);
      await spark.sql(`DELETE FROM ${path("vectors")} WHERE n % 7 = 3`);
      await spark.sql(`DELETE FROM ${path("vectors")} WHERE n = 4999`);
      const table = await agree("vectors");
      expect((await table.snapshot()).rows).toBe((await theirs("vectors")).length);
      await table.delete({ where: { n: { lt: 100n } } });
      await agree("vectors");
    });

    it("renamed and dropped columns by column mapping", async () => {
      const on = "TBLPROPERTIES ('delta.columnMapping.mode' = 'name')";
      await create("mapped", "SELECT id n, id a, id b FROM range(4)", on);
      await spark.sql(`ALTER TABLE ${path("mapped")} RENAME COLUMN a TO c`);
      await spark.sql(`ALTER TABLE ${path("mapped")} DROP COLUMN b`);
      await spark.sql(`INSERT INTO ${path("mapped")} VALUES (7, 70)`);
      const table = await agree("mapped");
      await table.append(batchFrom({ n: ["long", [8n]], c: ["long", [80n]] }));
      expect((await (await agree("mapped")).snapshot()).rows).toBe(6);
    });

    it("fields within columns that were renamed, added and dropped", async () => {
      const on = "TBLPROPERTIES ('delta.columnMapping.mode' = 'name')";
      const query = `SELECT id n, named_struct('street', CONCAT('s', id), 'no', CAST(id AS INT)) home,
        array(named_struct('street', 'x', 'no', 1), null) past, map('k', named_struct('street', 'y', 'no', 2)) by
        FROM range(3)`;
      await create("nested", query, on);
      await spark.sql(`ALTER TABLE ${path("nested")} RENAME COLUMN home.street TO road`);
      await spark.sql(`ALTER TABLE ${path("nested")} RENAME COLUMN past.element.no TO number`);
      await spark.sql(`ALTER TABLE ${path("nested")} ADD COLUMNS (home.town STRING, by.value.town STRING)`);
      await spark.sql(`ALTER TABLE ${path("nested")} DROP COLUMN home.no`);
      const table = await agree("nested");
      await spark.sql(
        `INSERT INTO ${path("nested")} SELECT 9, named_struct('road', 'r', 'town', 't'),
         array(named_struct('street', 'z', 'number', 4)), map('l', named_struct('street', 'a', 'no', 5, 'town', 'u'))`,
      );
      await agree("nested");
      const text = { type: "struct", fields: ["road", "town"].map((name) => field(name, "string")) } as const;
      const past = { type: "struct", fields: [field("street", "string"), field("number", "integer")] } as const;
      const by = {
        ...past,
        fields: [field("street", "string"), field("no", "integer"), field("town", "string")],
      };
      await table.append(
        batchFrom({
          n: ["long", [10n]],
          home: [text, [{ road: "ours", town: null }]],
          past: [{ type: "array", elementType: past, containsNull: true }, [[null, { street: "b", number: 6 }]]],
          by: [
            { type: "map", keyType: "string", valueType: by, valueContainsNull: true },
            [[["m", { street: "c", no: 7, town: "d" }]]],
          ],
        }),
      );
      await agree("nested");
      await table.update({ where: { n: { lt: 2n } }, set: { home: { road: "moved", town: "here" } } });
      await table.optimize();
      await agree("nested");
      expect((await theirs("nested", "home.road r", "WHERE n = 1"))[0]).toEqual({ r: "moved" });
    });

    it("its change data feed", async () => {
      await create("feed", "SELECT id n, 'a' s FROM range(3)", "TBLPROPERTIES ('delta.enableChangeDataFeed' = true)");
      await spark.sql(`UPDATE ${path("feed")} SET s = 'b' WHERE n = 1`);
      await spark.sql(`DELETE FROM ${path("feed")} WHERE n = 2`);
      const ours: unknown[] = [];
      for await (const batch of (await lake.table("feed")).changes({ from: 0 })) {
        for (const row of batch.toArray()) {
          const {
            n,
            s,
            _change_type: change,
            _commit_version: version,
          } = (row as { toJSON(): Record<string, unknown> }).toJSON();
          ours.push([String(n), s, change, String(version)]);
        }
      }
      const rows = await spark.sql(
        `SELECT n, s, _change_type c, _commit_version v FROM table_changes_by_path('${join(root, "feed")}', 0)`,
      );
      expect(ours.map(String).sort()).toEqual(rows.map(({ n, s, c, v }) => String([n, s, c, v])).sort());
    });

    it("and what we do not know is refused by its name", async () => {
      await create("clustered", "SELECT id n FROM range(2)", "", "CLUSTER BY (n)");
      const table = await agree("clustered");
      await expect(table.append(batchFrom({ n: ["long", [3n]] }))).rejects.toMatchObject({
        code: "PROTOCOL_UNSUPPORTED",
        message: expect.stringMatching(/clustering/) as string,
      });
      await create("checked", "SELECT id n FROM range(2)");
      await spark.sql(`ALTER TABLE ${path("checked")} ADD CONSTRAINT positive CHECK (n >= 0)`);
      await expect((await agree("checked")).append(batchFrom({ n: ["long", [-3n]] }))).rejects.toMatchObject({
        code: "PROTOCOL_UNSUPPORTED",
        message: expect.stringMatching(/checkConstraints/) as string,
      });
    });
  });

  describe("reads what we write", () => {
    it("appended, overwritten, deleted, updated, merged, compacted", async () => {
      const table = await lake.table("ours", { partitionBy: ["part"] });
      await table.append(numbered(0, 40));
      await table.append(numbered(40, 10));
      await agree("ours");
      await table.delete({ where: { n: { lt: 5n } } });
      await agree("ours");
      await table.update({ where: { part: "ü=%" }, set: { s: "changed" } });
      await agree("ours");
      await table.merge(numbered(45, 10), { on: ["n"], whenMatched: "update", whenNotMatched: "insert" });
      await agree("ours");
      await table.overwrite(numbered(100, 3), { where: { n: { gte: 50n } } });
      await agree("ours");
      await table.optimize();
      await agree("ours");
      const { length } = await theirs("ours", "*", "VERSION AS OF 0");
      expect(length).toBe(40);
    });

    it("from our checkpoint alone", async () => {
      const table = await lake.table("kept");
      for (let i = 0; i < 12; i++) await table.append(numbered(i * 5, 5));
      await table.delete({ where: { n: { lt: 7n } } });
      await table.checkpoint();
      await forget("kept", (await table.snapshot()).version);
      expect((await theirs("kept")).length).toBe(53);
      await agree("kept");
      await spark.sql(`INSERT INTO ${path("kept")} VALUES (1000, 'theirs', 'p')`);
      await agree("kept");
    });

    it("columns added, widened and renamed", async () => {
      const table = await lake.table("altered");
      await table.append(batchFrom({ n: ["integer", [1, 2]], s: ["string", ["a", null]] }));
      await table.append(batchFrom({ n: ["integer", [3]], s: ["string", ["c"]], extra: ["double", [0.5]] }), {
        evolve: "add-columns",
      });
      await agree("altered");
      await table.alter({ rename: { from: "s", to: "label" } });
      await table.append(batchFrom({ n: ["integer", [4]], label: ["string", ["d"]], extra: ["double", [null]] }));
      await agree("altered");
      await table.alter({ widen: { column: "n", type: "long" }, drop: "extra" });
      await table.append(batchFrom({ n: ["long", [2n ** 40n]], label: ["string", ["e"]] }));
      expect((await (await agree("altered")).snapshot()).schema.names).toEqual(["n", "label"]);
    });

    it("a random history in which columns are altered, at every fifth version", async () => {
      const seed = Date.now() & 0x7fff_ffff;
      const [history = []] = fc.sample(historyOf({ operations: 24, exactly: true }), { numRuns: 1, seed });
      const table = await lake.table("history", { partitionBy: ["part"] });
      const [past, versions]: [HistoryState[], number[]] = [[], []];
      for (const operation of history) {
        versions.push(await play(table, versions, past.at(-1)?.shape ?? firstShape, operation));
        past.push(applied(past, operation));
      }
      for (const [index, { shape, rows }] of past.entries()) {
        if (index % 5 < 4 && index < past.length - 1) continue;
        const columns = columnsOfShape(shape).map((column) => column.split(" ")[0] ?? "");
        const found = await theirs(
          "history",
          columns.map((name) => `\`${name}\``).join(),
          `VERSION AS OF ${versions[index]}`,
        );
        const texts = found.map((row) => {
          const wholes = ["id", "count", "extra"].map((name) => (row[name] == null ? null : String(row[name])));
          return JSON.stringify([row["part"], row["name"] ?? row["title"] ?? null, row["score"], ...wholes]);
        });
        const expected = rows.map(({ part, name, score, id, count, extra }) =>
          JSON.stringify([
            part,
            name,
            score,
            ...[id, count, extra].map((whole) => (whole === null ? null : String(whole))),
          ]),
        );
        const at = `seed ${seed}, version ${versions[index]}, after ${history.slice(0, index + 1).map(({ kind }) => kind)}`;
        expect(texts.sort(), at).toEqual(expected.sort());
      }
    });

    it("its changes, when the table keeps them", async () => {
      const table = await lake.table("our-feed");
      await table.append(batchFrom({ n: ["long", [1n, 2n, 3n]], s: ["string", ["a", "b", "c"]] }));
      await table.alter({ properties: { "delta.enableChangeDataFeed": "true" } });
      await table.update({ where: { n: 2n }, set: { s: "B" } });
      await table.delete({ where: { n: 3n } });
      const rows = await spark.sql(
        `SELECT n, s, _change_type c FROM table_changes_by_path('${join(root, "our-feed")}', 2)`,
      );
      expect(rows.map(({ n, s, c }) => String([n, s, c])).sort()).toEqual(
        ["2,B,update_postimage", "2,b,update_preimage", "3,c,delete"].sort(),
      );
    });
  });
});
