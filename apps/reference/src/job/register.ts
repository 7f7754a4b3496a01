import { modelFromJson, type ModelJson, parityCertificate, type TrainedModel } from "@ashlar/compute/training";
import { beats, hasOnnx, metricAtLeast, parityBelow, signed } from "@ashlar/model-registry";
import type { StepContext } from "@ashlar/orchestration";
import { isAshlarError, toBytes } from "@ashlar/core";
import type { Platform } from "../wire/platform.ts";
import type { JoinedFeatures } from "./features.ts";
import { columnsOf, partRows, type Trained, type Trainer } from "./train.ts";

export const modelName = "delay";
export const championAlias = "champion";

/** The model that serves. */
export interface Champion {
  readonly name: string;
  readonly version: number;
  readonly alias: string;
  readonly digest: string;
  readonly trainer: Trainer;
  readonly parity: number;
  /** The better model that a gate stopped, when the baseline had to be taken instead. */
  readonly passedOver?: { readonly name: Trainer; readonly reason: string };
}

interface Registered {
  readonly number: number;
  readonly digest: string;
  readonly parity: number;
}

/**
 * Registers the baseline and the best model, and moves the alias to the latter: past the gates, with the approval of
 * somebody who neither trained nor promotes it. A best model that does not clearly beat the baseline is not worth what
 * it costs to run: its gate stops it, and the baseline is promoted.
 */
export async function registerBest(
  platform: Platform,
  { set, models }: { set: JoinedFeatures; models: readonly Trained[]; table: number },
  context: StepContext,
): Promise<Champion> {
  const baseline = models.find(({ name }) => name === "logistic") as Trained;
  const best = models.toSorted((a, b) => b.validation.auc - a.validation.auc)[0] as Trained;
  const scientist = platform.registryAs("User::ada");
  const candidates = baseline === best ? [best] : [best, baseline];
  const versions = new Map<Trainer, Registered>();
  for (const trained of candidates.toReversed()) {
    context.progress(0.2, `certifying and registering ${trained.name}`);
    versions.set(trained.name, await registerTrained(platform, trained, set));
  }
  const registered = versions.get(best.name) as Registered;
  const comment = commentOn(best, registered);
  // The author of a comment is not an approver: the policies refuse this, and the refusal is on record.
  await expectRefusal(() => scientist.approve(modelName, registered.number, { by: "User::ada", comment }));
  await expectRefusal(() =>
    platform.registryAs("Service::checkout").promote(modelName, {
      alias: championAlias,
      to: registered.number,
      expected: undefined,
      by: "Service::checkout",
    }),
  );
  if (baseline !== best) {
    await moveAlias(scientist, "baseline", (versions.get(baseline.name) as Registered).number, context, {});
  }
  context.progress(0.8, "gates and promotion");
  const { crowned, passedOver } = await crown(platform, candidates, versions, context);
  const version = versions.get(crowned.name) as Registered;
  await linkSources(platform, set, version.number);
  context.lineage({
    inputs: [{ namespace: "model", name: `${crowned.name}@${crowned.onnx}` }],
    outputs: [{ namespace: "registry", name: `${modelName}/${version.number}` }],
  });
  const { number, digest, parity } = version;
  const champion = { name: modelName, version: number, alias: championAlias, digest, trainer: crowned.name, parity };
  return passedOver === undefined ? champion : { ...champion, passedOver };
}

/** Promotes the first candidate that passes its gates; the last one has nothing left to beat. */
async function crown(
  platform: Platform,
  candidates: readonly Trained[],
  versions: ReadonlyMap<Trainer, Registered>,
  context: StepContext,
): Promise<{ readonly crowned: Trained; readonly passedOver?: NonNullable<Champion["passedOver"]> }> {
  const [scientist, approver] = [platform.registryAs("User::ada"), platform.registryAs("User::grace")];
  let passedOver: Champion["passedOver"];
  for (const candidate of candidates) {
    const version = versions.get(candidate.name) as Registered;
    const isLast = candidate === candidates.at(-1);
    const comment = commentOn(candidate, version);
    const approval = await approver.approve(modelName, version.number, { by: "User::grace", comment });
    const gates = [hasOnnx(), signed(), metricAtLeast("auc", 0.6), parityBelow(1e-6)];
    if (!isLast) gates.push(beats("baseline", "auc", { by: 0.002 }));
    try {
      await moveAlias(scientist, championAlias, version.number, context, { gates, approvals: [approval] });
      return passedOver === undefined ? { crowned: candidate } : { crowned: candidate, passedOver };
    } catch (error) {
      if (isLast || !isAshlarError(error, "GATE_FAILED")) throw error;
      passedOver = { name: candidate.name, reason: error.message };
    }
  }
  throw new Error("there is no model to promote");
}

/** Certifies a model and registers it as the pipeline. */
async function registerTrained(platform: Platform, trained: Trained, set: JoinedFeatures): Promise<Registered> {
  const onnx = await toBytes(await platform.artifacts.getBlob(trained.onnx));
  const parity = await certify(platform, trained, set);
  const { number, digest } = await platform.registryAs("Service::pipeline").register(modelName, {
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
  return { number, digest, parity };
}

const commentOn = ({ june }: Trained, { parity }: Registered): string =>
  `June AUC ${june.auc.toFixed(4)}, parity ${parity.toExponential(1)}`;

async function moveAlias(
  registry: ReturnType<Platform["registryAs"]>,
  alias: string,
  to: number,
  { idempotencyKey }: StepContext,
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
    idempotencyKey: `${idempotencyKey}/${alias}/${to}`,
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
  await platform.features.link([{ from: `trainingSet:${set.digest}`, to: `model:${modelName}/${version}` }]);
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
