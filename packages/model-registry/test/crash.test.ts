import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createModelRegistry, type ModelRegistry, sqlite } from "../src/index.ts";
import { folderArtifacts } from "./folder-artifacts.ts";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const script = fileURLToPath(new URL("./crash-child.ts", import.meta.url));

function runChild(...args: string[]): Promise<{ readonly signal: string | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const flags = ["--conditions=@ashlar/source", "--disable-warning=ExperimentalWarning"];
    const child = spawn(process.execPath, [...flags, script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", reject);
    child.on("close", (_code, signal) => resolve({ signal, output }));
  });
}

async function expectNothing(registry: ModelRegistry): Promise<void> {
  await expect(registry.get("delay/1")).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
  expect((await registry.lineage("model:delay/1")).edges).toEqual([]);
}

async function expectVersion(registry: ModelRegistry, promoted: boolean): Promise<void> {
  const { version, file } = await registry.load("delay/1");
  expect(version).toMatchObject({ metrics: { auc: 0.7 }, inputs: { trainingSet: ["trainingSet:sha256:abc"] } });
  expect(new TextDecoder().decode(await file("b.bin").bytes())).toBe("b");
  expect((await registry.lineage("model:delay/1")).edges).toHaveLength(1);
  expect(await registry.aliases("delay")).toEqual(promoted ? { champion: 1 } : {});
  expect((await registry.aliasHistory("delay", "champion")).items).toHaveLength(promoted ? 1 : 0);
}

describe("a registry of several processes", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ashlar-registry-"));
    writeFileSync(join(folder, "key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const openHere = (): ModelRegistry =>
    createModelRegistry({
      database: sqlite({ path: join(folder, "registry.db") }),
      artifacts: folderArtifacts(join(folder, "blobs")),
      trustedKeys: [publicKey],
    });

  it.for([
    ["blob-stored", "a.bin", "nothing"],
    ["blob-stored", "b.bin", "nothing"],
    ["manifest-stored", "", "nothing"],
    ["signature-stored", "", "nothing"],
    ["version-inserted", "", "nothing"],
    ["version-committed", "", "the version"],
    ["alias-moved", "", "the version"],
    ["alias-committed", "", "all"],
  ] as const)("killed at %s %s leaves %s, whole, and a retry ends well", async ([point, detail, left]) => {
    expect(await runChild(folder, "one", point, detail)).toMatchObject({ signal: "SIGKILL" });
    {
      await using registry = openHere();
      await (left === "nothing" ? expectNothing(registry) : expectVersion(registry, left === "all"));
    }
    const { signal, output } = await runChild(folder, "one");
    expect(signal).toBeNull();
    expect(JSON.parse(output)).toEqual({ created: left === "nothing", number: 1, revision: 1 });
  });

  it("gives two processes with 32 writers each 64 different numbers", async () => {
    await (async () => {
      await using registry = openHere();
      await registry.open();
    })();
    const outputs = await Promise.all([runChild(folder, "many"), runChild(folder, "many")]);
    const numbers = outputs.flatMap(({ output }) => JSON.parse(output) as number[]);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, i) => i + 1));
  });
});
