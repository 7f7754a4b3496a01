import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { snippetsOf } from "./snippets.ts";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);

// Beside the packages, so that their names resolve as they do for a user of the workspace.
const code = mkdtempSync(join(root, ".snippets-"));
afterAll(() => rmSync(code, { recursive: true, force: true }));

async function runSnippet(name: string, text: string): Promise<string> {
  const file = join(code, `${name}.mts`);
  writeFileSync(file, text);
  const cwd = mkdtempSync(join(tmpdir(), "ashlar-snippet-"));
  try {
    const flags = ["--conditions=@ashlar/source", "--disable-warning=ExperimentalWarning"];
    return (await run(process.execPath, [...flags, file], { cwd, timeout: 120_000 })).stdout;
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

describe("the README of", () => {
  it.for(readdirSync(join(root, "packages")))("%s opens with a snippet that runs and prints", async (name) => {
    const [first] = snippetsOf(join(root, "packages", name, "README.md"));
    expect(first, "a fenced ts block").toBeDefined();
    expect(await runSnippet(name, first ?? "")).not.toBe("");
  });

  const rootSnippets = snippetsOf(join(root, "README.md")).map((text, index) => [index, text] as const);
  it.for(rootSnippets)("the project: snippet %i runs", async ([index, text]) => {
    expect(await runSnippet(`root-${index}`, text)).not.toBe("");
  });
});
