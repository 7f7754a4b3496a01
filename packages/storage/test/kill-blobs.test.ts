import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBytes } from "@ashlar/core";
import { createArtifactStore } from "@ashlar/storage/artifact";
import { type BlobTable, openBlobTable } from "@ashlar/storage/blobs";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import { expect, it, onTestFinished } from "vitest";
import { killed } from "./killed.ts";

async function open(root: string): Promise<BlobTable> {
  const objects = fileSystem({ root });
  const lake = openLake({ objects, codec: hyparquet() });
  return openBlobTable({ lake, name: "files", artifacts: createArtifactStore({ objects }) });
}

it("has every blob of a put or none after kill -9 at any change of the store", { timeout: 120_000 }, async () => {
  const root = await mkdtemp(join(tmpdir(), "ashlar-kill-blobs-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const original = join(root, "original");
  await (await open(original)).put({ path: "a", body: new TextEncoder().encode("old") });
  const seen = new Set<string>();
  for (let step = 0; step < 40; step++) {
    const folder = join(root, String(step));
    await cp(original, folder, { recursive: true });
    const when = step % 2 === 0 ? "before" : "after";
    const died = await killed("kill-blobs.ts", folder, String(1 + (step >> 1)), when);
    const blobs = await open(folder);
    const text = new TextDecoder().decode(await toBytes(await (await blobs.get("a")).stream()));
    const long = (await blobs.stat("long")) && (await toBytes(await (await blobs.get("long")).stream()));
    expect([text, long?.byteLength]).toEqual(text === "old" ? ["old", undefined] : ["new", 9 * 1024 * 1024]);
    seen.add(`${died ? "killed" : "done"}: ${text}`);
    // What the dead process left does not stand in the way.
    await blobs.put({ path: "b", body: new Uint8Array(1) });
    if (!died) break;
  }
  expect([...seen].sort()).toEqual(["done: new", "killed: new", "killed: old"]);
});
