import { memoryObjectStore } from "@ashlar/core/memory";
import { expect, it } from "vitest";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, openLake } from "./index.ts";

it("has a name for every column, and for every field within one", async () => {
  const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
  const table = await lake.table("t");
  const nameless = batchFrom({ a: ["long", [1n]], "": ["long", [1n]] });
  await expect(table.append(nameless)).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
  await table.append(batchFrom({ a: ["long", [1n]] }));
  await expect(table.append(nameless, { evolve: "add-columns" })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
  await expect(table.alter({ add: nameless.schema.fields.slice(1) })).rejects.toMatchObject({
    code: "SCHEMA_MISMATCH",
  });
  const field = { name: "", type: "long", nullable: true, metadata: {} } as const;
  const within = batchFrom({ a: [{ type: "struct", fields: [field] }, [{ "": 1n }]] });
  await expect(table.append(within)).rejects.toMatchObject({ code: "TYPE_UNSUPPORTED" });
});
