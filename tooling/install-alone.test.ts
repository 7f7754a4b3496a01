import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { snippetsOf } from "./snippets.ts";

const root = join(import.meta.dirname, "..");
const exec = promisify(execFile);
const names = readdirSync(join(root, "packages"));

/** What a package must say when a native library it can use is not installed. */
const absent: Readonly<Record<string, { readonly code: string; readonly says: RegExp }>> = {
  storage: {
    code: `import { sourceOfBytes } from "@ashlar/storage"; import { duckdb } from "@ashlar/storage/duckdb";
           await duckdb().open(sourceOfBytes(new Uint8Array(8)));`,
    says: /@duckdb\/node-api.*\^1\.5/s,
  },
  "feature-store": {
    code: `import { fromRows } from "@ashlar/feature-store"; import { duckdb } from "@ashlar/feature-store/duckdb";
           for await (const part of duckdb().labels(fromRows("labels", [{ time: new Date(0) }]), { time: "time" })) break;`,
    says: /@duckdb\/node-api.*\^1\.5/s,
  },
  compute: {
    code: `import { createInferenceServer } from "@ashlar/compute/inference";
           await createInferenceServer().load("m", { onnx: new Uint8Array([8, 8]) });`,
    says: /onnxruntime-node.*\^1\.30/s,
  },
};

describe("installed alone", () => {
  let folder: string;
  const tarballs = new Map<string, string>();
  const nodes: Record<string, string> = { "the workspace's Node": process.execPath };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "ashlar-alone-"));
    const bin = join(root, "node_modules", ".bin");
    await exec(join(bin, "turbo"), ["run", "build"], {
      cwd: root,
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1" },
    });
    for (const name of names) {
      const { stdout } = await exec("npm", ["pack", "--json", "--pack-destination", folder], {
        cwd: join(root, "packages", name),
      });
      const packed = JSON.parse(stdout) as { filename: string }[] | Record<string, { filename: string }>;
      tarballs.set(name, join(folder, Object.values(packed)[0]?.filename ?? ""));
    }
    const { engines } = JSON.parse(readFileSync(join(root, "packages/core/package.json"), "utf8")) as {
      engines: { node: string };
    };
    const oldest = `${engines.node.replace(">=", "")}.0`;
    const project = await emptyProject("oldest-node", [`node@${oldest}`]);
    nodes[`Node ${oldest}`] = join(project, "node_modules", "node", "bin", "node");
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function emptyProject(name: string, packages: readonly string[]): Promise<string> {
    const project = mkdtempSync(join(folder, `${name}-`));
    writeFileSync(join(project, "package.json"), JSON.stringify({ name: "alone", private: true, type: "module" }));
    await exec("npm", ["install", "--no-audit", "--no-fund", ...packages], { cwd: project });
    return project;
  }

  it.for(names)(
    "%s runs the first snippet of its README, on the newest and the oldest Node",
    { timeout: 240_000 },
    async (name) => {
      const needed = name === "core" ? ["core"] : ["core", name];
      const project = await emptyProject(
        name,
        needed.map((each) => tarballs.get(each) ?? ""),
      );
      writeFileSync(join(project, "snippet.mts"), snippetsOf(join(root, "packages", name, "README.md"))[0] ?? "");
      for (const [label, node] of Object.entries(nodes)) {
        const cwd = mkdtempSync(join(project, "run-"));
        const { stdout } = await exec(node, [join(project, "snippet.mts")], { cwd });
        expect(stdout, label).not.toBe("");
      }
      const missing = absent[name];
      if (missing === undefined) return;
      writeFileSync(join(project, "absent.mts"), missing.code);
      const failure = await exec(process.execPath, [join(project, "absent.mts")], { cwd: project }).catch(
        (error: Error) => error,
      );
      expect(failure).toBeInstanceOf(Error);
      expect((failure as Error & { stderr: string }).stderr).toMatch(missing.says);
    },
  );
});
