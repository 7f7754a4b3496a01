import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const child = fileURLToPath(new URL("./time-zone-child.ts", import.meta.url));

it("joins the same under every time zone of the process, in both engines", async () => {
  const digests = new Set<string>();
  for (const TZ of ["UTC", "America/New_York", "Asia/Tokyo"]) {
    const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, child], {
      env: { ...process.env, TZ },
    });
    expect(stdout.trim().split("\n")).toHaveLength(2);
    for (const digest of stdout.trim().split("\n")) digests.add(digest);
  }
  expect(digests.size).toBe(1);
});
