import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createArtifactStore } from "@ashlar/storage/artifact";
import { openBlobTable } from "@ashlar/storage/blobs";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import { describe, expect, it, onTestFinished } from "vitest";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const python = process.env["ASHLAR_PYTHON"] ?? here("../../.venv/bin/python");
const found = spawnSync(python, ["-c", "import deltalake, pyarrow"]).status === 0;
const mandatory = process.env["CI"] !== undefined;
const need = found ? "" : ": needs the Python package deltalake, set ASHLAR_PYTHON";

describe.runIf(found || mandatory)(`delta-rs${need}`, () => {
  it("reads a blob table as the table it is, and finds the objects where its rows say", async () => {
    const root = await mkdtemp(join(tmpdir(), "ashlar-blobs-"));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    const lake = openLake({ objects: fileSystem({ root: join(root, "lake") }), codec: hyparquet() });
    const artifacts = createArtifactStore({ objects: fileSystem({ root: join(root, "objects") }) });
    const blobs = await openBlobTable({ lake, name: "photos", artifacts });
    await blobs.put([
      {
        path: "a.jpg",
        body: new Uint8Array(100_000).fill(1),
        mediaType: "image/jpeg",
        metadata: { shot: { at: [1, 2] } },
      },
      { path: "ä/b", body: new Uint8Array(0) },
      { path: "gone", body: new Uint8Array(1) },
    ]);
    await blobs.delete("gone");
    const { stdout } = await promisify(execFile)(python, [
      here("blobs.py"),
      join(root, "lake", "photos"),
      join(root, "objects"),
    ]);
    const whole = { digest: true, size: true, year: new Date().getUTCFullYear() };
    expect(JSON.parse(stdout)).toEqual([
      { ...whole, path: "a.jpg", mediaType: "image/jpeg", metadata: { shot: { at: [1, 2] } } },
      { ...whole, path: "ä/b", mediaType: "application/octet-stream", metadata: {} },
    ]);
  });
});
