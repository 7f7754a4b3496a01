import { strictEqual } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createEngine, type Handle, sqlite, workflow } from "@ashlar/orchestration";
import { perSecond, type Suite } from "./harness.ts";

const steps = 50;

const chain = workflow("chain", { input: { start: "number" } }, (w) => {
  const next = ({ value }: { value: number }): number => value + 1;
  let value: Handle<number> = w.input.start;
  for (let i = 0; i < steps; i++) value = w.step(`step-${i}`, next, { value });
  return value;
});

/** Steps whose results are committed, against one synced SQLite transaction for each. */
export const orchestration: Suite = async ({ folder, pair }) => {
  await using engine = await createEngine({ history: sqlite({ path: join(folder, "runs.db") }), workflows: [chain] });
  using bare = new DatabaseSync(join(folder, "bare.db"));
  bare.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE step (run TEXT, name TEXT, output TEXT)");
  const insert = bare.prepare("INSERT INTO step VALUES (?, ?, ?)");

  const runChain = async (): Promise<void> => {
    const run = await engine.start(chain, { start: 1 });
    strictEqual(await run.result(), steps + 1);
  };
  const commits = (runs: number): void => {
    for (let i = 0; i < runs * steps; i++) insert.run(`run-${i}`, `step-${i % steps}`, JSON.stringify(i));
  };
  for (const runs of [1, 20]) {
    await pair({
      name: runs === 1 ? "durable steps of one run, one after another" : `durable steps of ${runs} runs at once`,
      unit: "steps/s",
      peerName: "node:sqlite, one synced commit a step",
      ours: () => perSecond(runs * steps, () => Promise.all(Array.from({ length: runs }, runChain))),
      peer: () => perSecond(runs * steps, () => commits(runs)),
    });
  }
};
