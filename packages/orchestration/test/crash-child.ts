// One process of the crash test: runs the workflow of the test, and kills itself where it is told to.
import { appendFileSync } from "node:fs";
import { createEngine, sqlite, workflow } from "../src/index.ts";

const [folder = "", point = "", step = "", preemption = "20"] = process.argv.slice(2);

const work = ({ value }: { value: number }, context: { step: string; idempotencyKey: string }): number => {
  appendFileSync(`${folder}/ledger`, `${context.idempotencyKey.split("/")[1]}\n`);
  return value + 1;
};

const diamond = workflow("diamond", { input: { start: "number" } }, (w) => {
  const a = w.step("a", work, { value: w.input.start });
  const b = w.step("b", work, { value: a }, { retry: { preemption: Number(preemption) } });
  const c = w.step("c", work, { value: a });
  return w.step("d", ({ b, c }: { b: number; c: number }, context) => work({ value: b + c }, context), { b, c });
});

await using engine = await createEngine({
  history: sqlite({ path: `${folder}/runs.db` }),
  workflows: [diamond],
  concurrency: 1,
  failpoint: (reached, at) => {
    if (reached === point && (at ?? "") === step) process.kill(process.pid, "SIGKILL");
  },
});
const run = await engine.start(diamond, { start: 1 }, { idempotencyKey: "the run" });
const ending = await run.result().then(
  (result) => ({ result }),
  (error: unknown) => ({ error }),
);
console.log(JSON.stringify({ ...ending, steps: await engine.steps(run.id) }));
