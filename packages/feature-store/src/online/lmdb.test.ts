import type * as Lmdb from "lmdb";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, expectTypeOf, it, onTestFinished } from "vitest";
import { describeOnlineStore } from "../testing/index.ts";
import { lmdb, type LmdbLibrary } from "./lmdb.ts";

async function path(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-online-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "deep", "online.lmdb");
}

describeOnlineStore("lmdb", { create: async () => lmdb({ path: await path() }) });

it("takes the library as it is", async () => {
  expectTypeOf<typeof Lmdb>().toExtend<LmdbLibrary>();
});

it("still has everything when it is opened again, and refuses use once closed", async () => {
  const file = await path();
  const first = lmdb({ path: file });
  await first.write("v@1", [], { watermark: 7 });
  await first[Symbol.asyncDispose]();
  await expect(first.watermark("v@1")).rejects.toMatchObject({ code: "CLOSED" });
  await using second = lmdb({ path: file });
  expect(await second.watermark("v@1")).toBe(7);
});
