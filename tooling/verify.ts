// Every gate a change has to pass, one line each; the output of a gate is shown only when it fails.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parseArgs, styleText } from "node:util";

const { values } = parseArgs({ options: { skip: { type: "string", multiple: true, default: [] } } });
const root = join(import.meta.dirname, "..");
const packages = readdirSync(join(root, "packages"));
const source = ["--conditions=@ashlar/source", "--disable-warning=ExperimentalWarning"];

type Command = readonly [command: string, ...args: string[]];

const gates: readonly { readonly name: string; readonly commands: readonly Command[]; readonly in?: string }[] = [
  { name: "format", commands: [["oxfmt", "--check", "."]] },
  { name: "lint", commands: [["oxlint", "."]] },
  { name: "typed lint", commands: [["eslint", "."]] },
  { name: "types", commands: [["tsc", "-p", "tsconfig.json"]] },
  { name: "star", commands: [["turbo", "boundaries"]] },
  { name: "build", commands: [["turbo", "run", "build"]] },
  { name: "unused", commands: [["knip"]] },
  { name: "workspace", commands: [["sherif"]] },
  { name: "error tables", commands: [["node", ...source, "tooling/error-tables.ts", "--check"]] },
  { name: "publint", commands: packages.map((name) => ["publint", "--strict", `packages/${name}`] as const) },
  {
    name: "exports",
    commands: packages.map((name) => ["attw", "--pack", `packages/${name}`, "--profile", "esm-only"] as const),
  },
  { name: "size", commands: [["size-limit"]] },
  { name: "examples", commands: [["node", "tooling/examples.ts"]] },
  { name: "tests", commands: [["npm", "test"]] },
  { name: "install alone", commands: [["vitest", "run", "--project", "install"]] },
];

let failed = 0;
for (const gate of gates) {
  if (values.skip.includes(gate.name)) continue;
  const started = performance.now();
  const broken = gate.commands.map(run).find((result) => result.status !== 0);
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  const mark = broken === undefined ? styleText("green", "✓") : styleText("red", "✗");
  console.log(`${mark} ${gate.name.padEnd(14)} ${seconds} s`);
  if (broken !== undefined) {
    failed += 1;
    console.log(broken.stdout, broken.stderr);
  }
}
console.log(failed === 0 ? "All gates passed." : `${failed} of ${gates.length} gates failed.`);
process.exitCode = failed === 0 ? 0 : 1;

function run([command, ...args]: Command): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    env: {
      ...process.env,
      PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env["PATH"] ?? ""}`,
      TURBO_TELEMETRY_DISABLED: "1",
    },
  });
}
