import { memoryObjectStore } from "@ashlar/core/memory";
import { expect, it } from "vitest";
import { storageError } from "../errors.ts";
import { batchFrom, openLake } from "./index.ts";
import { preferredCodec } from "./preferred-codec.ts";

it("keeps a lake going in plain JavaScript where DuckDB is absent", async () => {
  const missing = storageError("LIBRARY_MISSING", { name: "x", range: "1", needed: "y" });
  await using codec = preferredCodec(() => Promise.reject(missing));
  const table = await openLake({ objects: memoryObjectStore(), codec }).table("t");
  expect((await table.append(batchFrom({ n: ["long", [1n]] }))).rows).toBe(1);
});
