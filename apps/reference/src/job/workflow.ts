import { type StepContext, type StepFunction, workflow } from "@ashlar/orchestration";
import type { Platform } from "../wire/platform.ts";
import { deploy } from "./deploy.ts";
import { joinFeatures } from "./features.ts";
import { checkTable, ingest, type Ingested } from "./ingest.ts";
import { measureLeak } from "./leak.ts";
import { prove } from "./prove.ts";
import { registerBest } from "./register.ts";
import { replay } from "./replay.ts";
import type { Measured, StageName } from "./stages.ts";
import { train, type Trainer } from "./train.ts";
import { watch } from "./watch.ts";

type Stage<Input, Output> = (platform: Platform, input: Input, context: StepContext) => Promise<Output>;

/** The main job as one durable workflow. Its stages share the machine, so the engine runs one at a time. */
export function flightWorkflow(platform: Platform) {
  /** Binds a stage to the platform and notes the memory it took. */
  const on =
    <Input, Output>(stage: Stage<Input, Output>): StepFunction<Input, Output & Measured> =>
    async (input, context) => {
      platform.memory.takePeak();
      const result = await stage(platform, input, context);
      return { ...result, peakRssBytes: platform.memory.takePeak() };
    };
  let intact: Promise<void> | undefined;
  /** A stage after the first: an earlier process may have written the table, and it may have been damaged since. */
  const onTable = <Input extends { readonly table: number }, Output>(stage: Stage<Input, Output>) => {
    type Given = Omit<Input, "table"> & { readonly table: Ingested };
    return on(async (_platform, input: Given, context) => {
      await (intact ??= checkTable(platform, input.table));
      return stage(platform, { ...input, table: input.table.version } as Input, context);
    });
  };

  return workflow("flights", { input: { source: "string", rows: "number" } }, (w) => {
    const name = (stage: StageName): StageName => stage;
    const trainer = onTable(train);
    const table = w.step(name("ingest"), on(ingest), { rows: w.input.rows });
    const set = w.step(name("features"), onTable(joinFeatures), { table });
    const models = (["logistic", "mlp", "trees"] as const).map((kind: Trainer) =>
      w.step(name(`train-${kind}`), trainer, { name: kind, set, table }),
    );
    const leak = w.step(name("leak"), onTable(measureLeak), { table, rows: table.rows });
    const champion = w.step(name("register"), onTable(registerBest), { set, models, table });
    const deployed = w.step(name("deploy"), onTable(deploy), { champion, table });
    const served = w.step(name("serve"), onTable(replay), { set, table, models, champion }, { after: [deployed] });
    const watched = w.step(name("watch"), onTable(watch), { set, table, ids: served.ids });
    const proven = w.step(name("prove"), on(prove), { version: champion.version }, { after: [watched, leak] });
    return { table, set, models, leak, champion, deployed, served, watched, proven };
  });
}
