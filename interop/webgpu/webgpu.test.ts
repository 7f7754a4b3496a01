import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";

/** SwiftShader, a driver that needs no graphics device: Debian's chromium brings it. */
const driver = process.env["VK_ICD_FILENAMES"] ?? "/usr/lib/chromium/vk_swiftshader_icd.json";
const available = existsSync(driver);

interface Report {
  readonly reason: string | null;
  readonly cases: number;
  readonly wrong: readonly string[];
  readonly lost: Readonly<Record<string, unknown>>;
}

describe.skipIf(!available && process.env["CI"] === undefined)("kernels on WebGPU (needs the package chromium)", () => {
  let report: Report;
  beforeAll(async () => {
    const child = fileURLToPath(new URL("child.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@ashlar/source", child], {
      env: { ...process.env, VK_ICD_FILENAMES: driver },
      timeout: 240_000,
    });
    report = JSON.parse(stdout) as Report;
  }, 250_000);

  it("opens an adapter", () => {
    expect(report.reason).toBe(null);
  });

  it("gives what the oracle gives in every kernel", () => {
    expect(report.wrong).toEqual([]);
    expect(report.cases).toBeGreaterThan(100);
  });

  it("goes on in plain JS when the device is lost, says so, and takes a new device when asked", () => {
    expect(report.lost).toMatchObject({
      before: "gpu.js:webgpu",
      after: "plain-js",
      failures: [{ backend: "gpu.js:webgpu", kernel: "matmul", size: "small" }],
      sum: 64 ** 3,
      asked: "answered",
    });
  });
});
