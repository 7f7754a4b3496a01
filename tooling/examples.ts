// Runs every example, each in an empty folder of its own.
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
let failed = 0;
for (const example of globSync("examples/*.ts", { cwd: root }).sort()) {
  const cwd = mkdtempSync(join(tmpdir(), "ashlar-example-"));
  const flags = ["--conditions=@ashlar/source", "--disable-warning=ExperimentalWarning"];
  const { status, stderr } = spawnSync(process.execPath, [...flags, join(root, example)], {
    cwd,
    encoding: "utf8",
    timeout: 120_000,
  });
  rmSync(cwd, { recursive: true, force: true });
  if (status === 0) continue;
  failed += 1;
  console.error(`${example} failed:\n${stderr}`);
}
process.exitCode = failed === 0 ? 0 : 1;
