import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const child = fileURLToPath(new URL("./time-zone-child.ts", import.meta.url));

it(
  "joins the same and withstands every trap under every time zone, in both engines",
  { timeout: 120_000 },
  async () => {
    const said = new Set<string>();
    for (const TZ of ["UTC", "America/New_York", "Asia/Tokyo"]) {
      const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, child], {
        env: { ...process.env, TZ },
      });
      expect(stdout.trim().split("\n")).toHaveLength(2);
      for (const line of stdout.trim().split("\n")) said.add(line);
    }
    expect(said.size).toBe(1);
    const ids = [...Array.from({ length: 25 }, (_, i) => `T${i + 1}`), "T12b"];
    expect([...said][0]?.split(" ")[1]?.split(",").sort()).toEqual(ids.sort());
  },
);
