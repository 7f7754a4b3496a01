import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { duckdb } from "@ashlar/storage/duckdb";
import { fileSystem } from "@ashlar/storage/file-system";
import { openLake } from "@ashlar/storage/lake";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  applied,
  firstShape,
  type HistoryOperation,
  historyOf,
  type HistoryState,
} from "../../packages/storage/test/history.ts";
import { play, rowsAt, textsOf } from "../../packages/storage/test/play.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const python = process.env["ASHLAR_PYTHON"] ?? here("../../.venv/bin/python");
const found = spawnSync(python, ["-c", "import deltalake, pyarrow"]).status === 0;
const need = found ? "" : ": needs the Python package deltalake, set ASHLAR_PYTHON";

/** Of each operation, whether delta-rs does it. */
interface Turns {
  readonly history: readonly HistoryOperation[];
  readonly theirs: readonly boolean[];
}

function turnsOf(operations: number): fc.Arbitrary<Turns> {
  return fc.record({
    history: historyOf({ operations, exactly: true, altered: false }),
    theirs: fc.array(fc.boolean(), { minLength: operations + 1, maxLength: operations + 1 }),
  });
}

describe.runIf(found || process.env["CI"] !== undefined)(`delta-rs and we, taking turns at one table${need}`, () => {
  it("leave what an array holds, at every version", { timeout: 300_000 }, async () => {
    const root = await mkdtemp(join(tmpdir(), "ashlar-turns-"));
    // Told by each failure, to play the same turns again.
    const seed = Date.now() & 0x7fff_ffff;
    await using codec = duckdb({ threads: 1 });
    const lake = openLake({ objects: fileSystem({ root }), codec });
    await using deltaRs = startPlayer();
    try {
      const short = fc.sample(turnsOf(25), { numRuns: 5, seed });
      const long = fc.sample(turnsOf(150), { numRuns: 1, seed });
      for (const [index, { history, theirs }] of [...short, ...long].entries()) {
        const table = await lake.table(`t${index}`, { partitionBy: ["part"] });
        const [past, versions]: [HistoryState[], number[]] = [[], []];
        for (const [turn, operation] of history.entries()) {
          const isTheirs = turn > 0 && theirs[turn] === true && operation.kind !== "replaceTouched";
          const told = `seed ${seed}, table ${index}, ${operation.kind} by ${isTheirs ? "delta-rs" : "us"}`;
          const version = isTheirs
            ? await deltaRs.play(join(root, table.name), operation, versions)
            : await play(table, versions, firstShape, operation);
          versions.push(version);
          if (isTheirs && turn % 7 === 0) await deltaRs.checkpoint(join(root, table.name));
          const state = applied(past, operation);
          past.push(state);
          expect(await rowsAt(table), told).toEqual(textsOf(state));
        }
        const reopened = await openLake({ objects: fileSystem({ root }), codec }).table(table.name);
        for (const [turn, state] of past.entries()) {
          expect(await rowsAt(reopened, versions[turn]), `seed ${seed}, table ${index}`).toEqual(textsOf(state));
        }
      }
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});

/** delta-rs in a process that does one operation after the other. */
interface Player extends AsyncDisposable {
  /** @returns the version that the table then has */
  play(path: string, operation: HistoryOperation, versions: readonly number[]): Promise<number>;
  checkpoint(path: string): Promise<number>;
}

/** What is asked of delta-rs beside operations of a history. */
type Request = { readonly kind: "restore"; readonly version: number } | { readonly kind: "checkpoint" };

function startPlayer(): Player {
  const child = spawn(python, [here("player.py")], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const plain = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? Number(value) : value);
  async function ask(path: string, operation: HistoryOperation | Request): Promise<number> {
    child.stdin.write(`${JSON.stringify({ path, operation }, plain)}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error("the process of delta-rs has ended");
    const answer = JSON.parse(value) as { readonly version?: number; readonly error?: string };
    if (answer.version === undefined) throw new Error(`${operation.kind} by delta-rs: ${answer.error}`);
    return answer.version;
  }
  return {
    async play(path, operation, versions) {
      if (operation.kind !== "restore") return ask(path, operation);
      const version = versions[Math.max(0, versions.length - 1 - operation.back)] ?? 0;
      return ask(path, { kind: "restore", version });
    },
    checkpoint: (path) => ask(path, { kind: "checkpoint" }),
    async [Symbol.asyncDispose]() {
      const closed = once(child, "close");
      child.stdin.end();
      await closed;
    },
  };
}
