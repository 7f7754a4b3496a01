import { modelFromJson, type ModelJson, parityCertificate, type TrainedModel } from "@ashlar/compute/training";
import { beats, hasOnnx, metricAtLeast, parityBelow, signed } from "@ashlar/model-registry";
import type { StepContext } from "@ashlar/orchestration";
import { isAshlarError, toBytes } from "@ashlar/core";
import type { Platform } from "../wire/platform.ts";
import type { JoinedFeatures } from "./features.ts";
import { columnsOf, partRows, type Trained } from "./train.ts";

export const modelName = "delay";
export const championAlias = "champion";

/** The model that serves. */
export interface Champion {
  readonly name: string;
  readonly version: number;
  readonly alias: string;
  readonly digest: string;
  readonly trainer: string;
  readonly parity: number;
}

/**
 * Registers the baseline and the best model, and moves the alias to the latter: past the gates, with the approval of
 * somebody who neither trained nor promotes it.
 */
export async function registerBest(
  platform: Platform,
  { set, models }: { set: JoinedFeatures; models: readonly Trained[] },
  context: StepContext,
): Promise<Champion> {
  const baseline = models.find(({ name }) => name === "logistic") as Trained;
  const best = models.toSorted((a, b) => b.validation.auc - a.validation.auc)[0] as Trained;
  const [pipeline, scientist, approver] = [
    platform.registryAs("Service::pipeline"),
    platform.registryAs("User::ada"),
    platform.registryAs("User::grace"),
  ];

  const versions = new Map<string, { readonly number: number; readonly digest: string; readonly parity: number }>();
  for (const trained of baseline === best ? [best] : [baseline, best]) {
    context.progress(0.2, `certifying and registering ${trained.name}`);
    const onnx = await toBytes(await platform.artifacts.getBlob(trained.onnx));
    const parity = await certify(platform, trained, set);
    const registered = await pipeline.register(modelName, {
      files: { "model.onnx": onnx },
      metrics: {
        auc: trained.validation.auc,
        log_loss: trained.validation.logLoss,
        june_auc: trained.june.auc,
        "parity.maxAbsDiff": parity,
      },
      params: { trainer: trained.name, trained_on: trained.trainedOn },
      inputs: { trainingSet: set.digest },
      description: `Probability that a flight leaves more than 15 minutes late (${trained.name}).`,
      author: "Service::pipeline",
      ifUnchanged: "reuse",
    });
    versions.set(trained.name, { number: registered.number, digest: registered.digest, parity });
  }
  const { number, digest, parity } = versions.get(best.name) as { number: number; digest: string; parity: number };
  await linkSources(platform, set, number);

  const comment = `June AUC ${best.june.auc.toFixed(4)}, parity ${parity.toExponential(1)}`;
  // The author of a comment is not an approver: the policies refuse this, and the refusal is on record.
  await expectRefusal(() => scientist.approve(modelName, number, { by: "User::ada", comment }));
  await expectRefusal(() =>
    platform
      .registryAs("Service::checkout")
      .promote(modelName, { alias: championAlias, to: number, expected: undefined, by: "Service::checkout" }),
  );
  const approval = await approver.approve(modelName, number, { by: "User::grace", comment });
  if (baseline !== best) {
    await moveAlias(scientist, "baseline", versions.get(baseline.name)?.number ?? number, context.idempotencyKey, {});
  }
  context.progress(0.8, "gates and promotion");
  await moveAlias(scientist, championAlias, number, context.idempotencyKey, {
    gates: [
      hasOnnx(),
      signed(),
      metricAtLeast("auc", 0.6),
      parityBelow(1e-6),
      ...(baseline === best ? [] : [beats("baseline", "auc", { by: 0.002 })]),
    ],
    approvals: [approval],
  });
  context.lineage({
    inputs: [{ namespace: "model", name: `${best.name}@${best.onnx}` }],
    outputs: [{ namespace: "registry", name: `${modelName}/${number}` }],
  });
  return { name: modelName, version: number, alias: championAlias, digest, trainer: best.name, parity };
}

async function moveAlias(
  registry: ReturnType<Platform["registryAs"]>,
  alias: string,
  to: number,
  key: string,
  conditions: Pick<Parameters<typeof registry.promote>[1], "gates" | "approvals">,
): Promise<void> {
  const model = await registry.model(modelName);
  const expected = model.aliases[alias];
  if (expected === to) return;
  await registry.promote(modelName, {
    alias,
    to,
    expected,
    by: "User::ada",
    idempotencyKey: `${key}/${alias}`,
    ...conditions,
  });
}

/** Runs the ONNX file beside the trainer's own code on June flights. */
async function certify(platform: Platform, trained: Trained, set: JoinedFeatures): Promise<number> {
  const model = await loadTrained(platform, trained);
  for await (const batch of partRows(platform, set.parts.judge, 20_000)()) {
    const certificate = await parityCertificate(model, await toBytes(await platform.artifacts.getBlob(trained.onnx)), {
      columns: columnsOf(batch, model.features),
    });
    return certificate.maxDifference;
  }
  return 0;
}

export async function loadTrained(platform: Platform, trained: Trained): Promise<TrainedModel> {
  const json = await toBytes(await platform.artifacts.getBlob(trained.json));
  return modelFromJson(JSON.parse(new TextDecoder().decode(json)) as ModelJson);
}

async function linkSources(platform: Platform, set: JoinedFeatures, version: number): Promise<void> {
  const views = Object.keys(set.views).map((view) => `features:${view}`);
  await platform.registry.linkLineage([
    { from: "source:flights-3m.parquet", to: "table:flights", relation: "ingested" },
    ...views.map((view) => ({ from: "table:flights", to: view, relation: "aggregated" })),
    ...views.map((view) => ({ from: view, to: `trainingSet:${set.digest}`, relation: "joined" })),
    { from: `model:${modelName}/${version}`, to: "endpoint:/predict", relation: "served" },
  ]);
}

async function expectRefusal(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (isAshlarError(error, "ACCESS_DENIED")) return;
    throw error;
  }
  throw new Error("an action that the policies forbid was let through");
}
