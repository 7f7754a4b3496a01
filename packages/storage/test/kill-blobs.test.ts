import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { toBytes } from "@ashlar/core";
import { createArtifactStore } from "@ashlar/storage/artifact";
import { type BlobTable, openBlobTable } from "@ashlar/storage/blobs";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import { expect, it, onTestFinished } from "vitest";

const script = fileURLToPath(new URL("kill-blobs.ts", import.meta.url));

async function open(root: string): Promise<BlobTable> {
  const objects = fileSystem({ root });
  const lake = openLake({ objects, codec: hyparquet() });
  return openBlobTable({ lake, name: "files", artifacts: createArtifactStore({ objects }) });
}

/** True when the child died before it was done. */
async function killedAt(root: string, at: number, when: string): Promise<boolean> {
  const child = spawn(process.execPath, ["--conditions=@ashlar/source", script, root, String(at), when]);
  let output = "";
  let problems = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (problems += data.toString()));
  await once(child, "close");
  expect(problems).toBe("");
  return output !== "done";
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
    const killed = await killedAt(folder, 1 + (step >> 1), step % 2 === 0 ? "before" : "after");
    const blobs = await open(folder);
    const text = new TextDecoder().decode(await toBytes(await (await blobs.get("a")).stream()));
    const long = (await blobs.stat("long")) && (await toBytes(await (await blobs.get("long")).stream()));
    expect([text, long?.byteLength]).toEqual(text === "old" ? ["old", undefined] : ["new", 9 * 1024 * 1024]);
    seen.add(`${killed ? "killed" : "done"}: ${text}`);
    // What the dead process left does not stand in the way.
    await blobs.put({ path: "b", body: new Uint8Array(1) });
    if (!killed) break;
  }
  expect([...seen].sort()).toEqual(["done: new", "killed: new", "killed: old"]);
});
