// Writes docs/errors.md from the packages' error tables; with --check, fails when it is not up to date, or when a
// code is thrown in no test.
import { globSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { ErrorTable } from "@ashlar/core";
import { format } from "oxfmt";

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const root = join(import.meta.dirname, "..");
const page = join(root, "docs", "errors.md");
const problems: string[] = [];
const lines = [
  "# Errors",
  "",
  "Every error an Ashlar package throws on purpose has a `code` from this list. `retryable` says whether the same call",
  "may succeed later. Recognise errors with `isAshlarError(error, code)` of `@ashlar/core`. Generated from the",
  "`errors.ts` of each package by `node tooling/error-tables.ts`.",
];

for (const name of readdirSync(join(root, "packages")).sort()) {
  const exported = (await import(join(root, "packages", name, "src", "errors.ts"))) as Record<string, unknown>;
  const table = Object.values(exported).find((value) => typeof value === "object") as ErrorTable;
  const tests = globSync(`packages/${name}/{src,test}/**/*.ts`, { cwd: root })
    .filter((file) => !file.endsWith("/errors.ts"))
    .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));
  lines.push("", `## ${name}`, "", "| code | status | retryable |", "|---|---|---|");
  for (const [code, { status, retryable }] of Object.entries(table)) {
    lines.push(`| \`${code}\` | ${status} | ${retryable ? "yes" : "no"} |`);
    const inTests = tests.some(({ file, text }) => /\.test\.ts$|\/testing\//.test(file) && text.includes(code));
    if (!inTests) problems.push(`${name}: no test throws ${code}`);
  }
}

const { code: text } = await format("errors.md", `${lines.join("\n")}\n`, {});
if (!values.check) writeFileSync(page, text);
else if (readFileSync(page, "utf8") !== text)
  problems.push("docs/errors.md is not up to date: run node tooling/error-tables.ts");
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
