import { type StepContext, type StepFunction, workflow } from "@ashlar/orchestration";
import type { Platform } from "../wire/platform.ts";
import { deploy } from "./deploy.ts";
import { joinFeatures } from "./features.ts";
import { ingest } from "./ingest.ts";
import { measureLeak } from "./leak.ts";
import { prove } from "./prove.ts";
import { registerBest } from "./register.ts";
import { replay } from "./replay.ts";
import type { Measured, StageName } from "./stages.ts";
import { train, type Trained, type Trainer } from "./train.ts";

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
  const best = on(
    async (_platform, { models }: { models: readonly Trained[] }) =>
      models.toSorted((a, b) => b.validation.auc - a.validation.auc)[0] as Trained,
  );

  return workflow("flights", { input: { source: "string", rows: "number" } }, (w) => {
    const name = (stage: StageName): StageName => stage;
    const trainer = on(train);
    const table = w.step(name("ingest"), on(ingest), { rows: w.input.rows });
    const set = w.step(name("features"), on(joinFeatures), { table: table.version });
    const models = (["logistic", "mlp", "trees"] as const).map((kind: Trainer) =>
      w.step(name(`train-${kind}`), trainer, { name: kind, set }),
    );
    const leak = w.step(name("leak"), on(measureLeak), { table: table.version, rows: table.rows });
    const chosen = w.step("choose", best, { models });
    const champion = w.step(name("register"), on(registerBest), { set, models });
    const deployed = w.step(name("deploy"), on(deploy), { champion, table: table.version });
    const served = w.step(
      name("serve"),
      on(replay),
      { set, table: table.version, best: chosen, champion },
      { after: [deployed] },
    );
    const proven = w.step(name("prove"), on(prove), { version: champion.version }, { after: [served, leak] });
    return { table, set, models, leak, champion, deployed, served, proven };
  });
}
