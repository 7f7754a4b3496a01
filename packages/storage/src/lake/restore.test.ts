import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { valuesOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, openLake } from "./index.ts";

describe("restore", () => {
  it("gives a table the rows and columns that it had, as a new version", async () => {
    const objects = memoryObjectStore();
    const table = await openLake({ objects, codec: hyparquet() }).table("t");
    await table.append(batchFrom({ n: ["long", [1n, 2n]] }));
    await table.append(batchFrom({ n: ["long", [3n]] }));
    await table.delete({ where: { n: { lte: 1 } } });
    await table.append(batchFrom({ n: ["long", [4n]], m: ["string", ["x"]] }), { evolve: "add-columns" });
    expect(await table.restore({ version: 1 })).toEqual({ version: 4, filesRestored: 1, filesRemoved: 2 });
    expect(await valuesOf(table.scan(), "n")).toEqual([1n, 2n, 3n]);
    expect((await table.snapshot()).schema.names).toEqual(["n"]);
    expect(await table.restore({ version: 1 })).toEqual({ version: 4, filesRestored: 0, filesRemoved: 0 });
    await table.restore({ version: 3 });
    expect(await valuesOf(table.scan(), "m")).toEqual([null, null, "x"]);
    await expect(table.restore({ version: 9 })).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });

    const gone = (await table.snapshot({ version: 0 })).files[0]?.key ?? "";
    await objects.delete(gone);
    const restoring = table.restore({ version: 0 });
    await expect(restoring).rejects.toMatchObject({ code: "DATA_FILE_MISSING", details: { file: gone } });
    expect((await table.snapshot()).version).toBe(5);
  });
});
