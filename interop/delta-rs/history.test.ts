import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { duckdb } from "@ashlar/storage/duckdb";
import { fileSystem } from "@ashlar/storage/file-system";
import { openLake } from "@ashlar/storage/lake";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applied, historyOf, type HistoryRows } from "../../packages/storage/test/history.ts";
import { play, rowsAt, textsOf } from "../../packages/storage/test/play.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const python = process.env["ASHLAR_PYTHON"] ?? here("../../.venv/bin/python");
const found = spawnSync(python, ["-c", "import deltalake, pyarrow"]).status === 0;
const need = found ? "" : ": needs the Python package deltalake, set ASHLAR_PYTHON";

type Cell = number | string | null;

describe.runIf(found || process.env["CI"] !== undefined)(`delta-rs and random histories${need}`, () => {
  it("reads at every version what we read, and what an array holds", async () => {
    const root = await mkdtemp(join(tmpdir(), "ashlar-histories-"));
    // Told by each failure, to play the same histories again.
    const seed = Date.now() & 0x7fff_ffff;
    await using codec = duckdb({ threads: 1 });
    const lake = openLake({ objects: fileSystem({ root }), codec });
    const expected = new Map<string, { readonly version: number; readonly rows: HistoryRows }[]>();
    try {
      const histories = fc.sample(historyOf(30), { numRuns: 15, seed });
      for (const [index, history] of histories.entries()) {
        const table = await lake.table(`t${index}`, { partitionBy: ["part"] });
        const [past, versions]: [HistoryRows[], number[]] = [[], []];
        for (const operation of history) {
          versions.push(await play(table, versions, operation));
          past.push(applied(past, operation));
          expect(await rowsAt(table), `seed ${seed}: ${operation.kind}`).toEqual(textsOf(past.at(-1) ?? []));
        }
        const path = join(root, table.name);
        expected.set(
          path,
          versions.map((version, i) => ({ version, rows: past[i] ?? [] })),
        );
      }
      const asked = [...expected].map(([path, states]) => [path, states.map(({ version }) => version)]);
      const theirs = await versionsOf(Object.fromEntries(asked) as Record<string, number[]>);
      for (const [path, states] of expected) {
        for (const [index, { version, rows }] of states.entries()) {
          expect(
            theirs[path]?.[index]?.map(rowText).sort(),
            `seed ${seed}: history ${path}, version ${version}`,
          ).toEqual(textsOf(rows));
        }
      }
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});

async function versionsOf(asked: Readonly<Record<string, readonly number[]>>): Promise<Record<string, Cell[][][]>> {
  const child = spawn(python, [here("versions.py")], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(asked));
  const [answer] = await Promise.all([text(child.stdout), once(child, "close")]);
  return JSON.parse(answer) as Record<string, Cell[][][]>;
}

function rowText([id, part, name, score, extra]: Cell[]): string {
  return JSON.stringify([`${id}n`, part, name, score, extra === null ? null : `${extra}n`]);
}
