import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { describeOnlineStore } from "../testing/index.ts";
import { sqlite } from "./sqlite.ts";

async function path(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-online-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "online.db");
}

describeOnlineStore("sqlite", { create: async () => sqlite({ path: await path() }) });

it("still has everything when it is opened again, and refuses use once closed", async () => {
  const file = await path();
  const first = sqlite({ path: file });
  await first.write("v@1", [], { watermark: 7 });
  await first[Symbol.asyncDispose]();
  await expect(first.watermark("v@1")).rejects.toMatchObject({ code: "CLOSED" });
  await using second = sqlite({ path: file });
  expect(await second.watermark("v@1")).toBe(7);
});
