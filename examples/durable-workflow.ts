// A workflow whose steps are committed one by one: kill the process anywhere, start it again, and it goes on.
import { createEngine, sqlite, workflow } from "@ashlar/orchestration";

const ingest = ({ day }: { day: string }): { day: string; rows: number } => ({ day, rows: 1000 });
let tries = 0;
const train = ({ rows }: { rows: number }): string => {
  tries += 1;
  if (tries === 1) throw new Error("the machine was busy");
  return `a model of ${rows} rows`;
};

const nightly = workflow("nightly", { input: { day: "date" } }, (w) => {
  const set = w.step("ingest", ingest, { day: w.input.day });
  const model = w.step("train", train, { rows: set.rows }, { retry: { application: 3, initial: "50ms" } });
  const report = w.step("report", ({ name }: { name: string }) => `trained ${name}`, { name: model });
  return { model, report };
});

const open = () => createEngine({ history: sqlite({ path: "./runs.db" }), workflows: [nightly] });
{
  await using engine = await open();
  const run = await engine.start(nightly, { day: "2001-06-30" }, { idempotencyKey: "2001-06-30" });
  console.log(await run.result());
  console.log(await engine.explain(run.id));
}
{
  await using engine = await open();
  const again = await engine.start(nightly, { day: "2001-06-30" }, { idempotencyKey: "2001-06-30" });
  console.log("found again:", again.existing, await again.result(), `train was called ${tries} times`);
}
