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
import { applied, firstShape, historyOf, type HistoryState } from "../../packages/storage/test/history.ts";
import { play, rowsAt, rowText, textsOf } from "../../packages/storage/test/play.ts";

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
    const expected = new Map<string, { readonly version: number; readonly state: HistoryState }[]>();
    try {
      // Column mapping and wider types are nothing to delta-rs: see the test with Spark.
      const short = fc.sample(historyOf({ operations: 30, altered: false }), { numRuns: 6, seed });
      const long = historyOf({ operations: 250, altered: false, exactly: true });
      const histories = [...short, ...fc.sample(long, { numRuns: 1, seed })];
      for (const [index, history] of histories.entries()) {
        const table = await lake.table(`t${index}`, { partitionBy: ["part"] });
        const [past, versions]: [HistoryState[], number[]] = [[], []];
        for (const operation of history) {
          versions.push(await play(table, versions, past.at(-1)?.shape ?? firstShape, operation));
          const state = applied(past, operation);
          past.push(state);
          expect(await rowsAt(table), `seed ${seed}: ${operation.kind}`).toEqual(textsOf(state));
        }
        const path = join(root, table.name);
        expected.set(
          path,
          past.map((state, i) => ({ version: versions[i] ?? 0, state })),
        );
      }
      const asked = [...expected].map(([path, states]) => [path, states.map(({ version }) => version)]);
      const theirs = await versionsOf(Object.fromEntries(asked) as Record<string, number[]>);
      for (const [path, states] of expected) {
        for (const [index, { version, state }] of states.entries()) {
          expect(
            theirs[path]?.[index]?.map(cellsText).sort(),
            `seed ${seed}: history ${path}, version ${version}`,
          ).toEqual(textsOf(state));
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

function cellsText([id, part, name, score, count, extra]: Cell[]): string {
  return rowText([`${id}n`, part, name, score, count, extra === null ? null : `${extra}n`]);
}
