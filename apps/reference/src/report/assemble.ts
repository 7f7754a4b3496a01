import type { Engine, StepRecord } from "@ashlar/orchestration";
import { baseRateLogLoss } from "../job/measure.ts";
import type { flightWorkflow } from "../job/workflow.ts";
import { type Measured, type StageName, stages } from "../job/stages.ts";
import type { Report } from "./report.ts";

/** What the finished run resolved with. */
export type JobResult = NonNullable<ReturnType<typeof flightWorkflow>["__output"]>;

/** Puts the report together from what the run left. */
export async function assembleReport(
  engine: Engine,
  run: { readonly id: string; readonly existing: boolean },
  result: JobResult,
  resumed: (stage: StageName) => boolean,
  seconds: number,
): Promise<Report> {
  const { table, set, models, leak, champion, deployed, served, watched, proven } = result;
  const steps = new Map((await engine.steps(run.id)).map((step) => [step.name, step]));
  const best = models.toSorted((a, b) => b.validation.auc - a.validation.auc)[0];
  return {
    rows: { ingested: table.rows },
    lake: { table: table.table, version: table.version, files: table.files.length },
    trainingSet: {
      rows: set.rows,
      features: set.features.length,
      digest: set.digest,
      leakedRowsWithoutKnownAt: set.leakedRows,
    },
    models: models.map(({ name, june, seconds: trained, trainedOn }) => ({
      name,
      ...june,
      seconds: trained,
      trainedOn,
    })),
    baseRate: { logLoss: baseRateLogLoss(set.parts.train, set.parts.judge) },
    leak: { auc: leak.june.auc, honestAuc: best?.june.auc ?? Number.NaN, trainedOn: leak.trainedOn },
    champion: {
      name: champion.name,
      version: champion.version,
      alias: champion.alias,
      digest: champion.digest,
      trainer: champion.trainer,
      passedOver: champion.passedOver ?? null,
    },
    parity: { maxAbsDiff: champion.parity, online: deployed.parity },
    serving: servingOf(served),
    watched: { logged: watched.logged, skew: watched.skew, drifted: watched.drifted },
    audit: { entries: proven.entries, verified: proven.verified },
    refusals: proven.refusals,
    stages: stages.map(({ name }) => stageOf(name, steps.get(name), resumed(name))),
    totalSeconds: seconds,
    unchanged: stages.every(({ name }) => resumed(name)),
  };
}

function servingOf(served: Report["serving"]): Report["serving"] {
  const { requests, errors, p50Ms, p99Ms, auc, offlineAuc, streamed, swaps } = served;
  return { requests, errors, p50Ms, p99Ms, auc, offlineAuc, streamed, swaps };
}

function stageOf(name: StageName, step: StepRecord | undefined, resumed: boolean): Report["stages"][number] {
  const { peakRssBytes = 0 } = (step?.output ?? {}) as Partial<Measured>;
  return { name, seconds: secondsOf(step), peakRssBytes, resumed };
}

export function secondsOf(step: StepRecord | undefined): number {
  return ((step?.finishedAt ?? 0) - (step?.startedAt ?? 0)) / 1000;
}
