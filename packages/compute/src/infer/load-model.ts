import type { Clock, Logger } from "@ashlar/core";

import { batchLayout } from "./batch-layout.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { Ensemble, type StepModels } from "./ensemble.ts";
import { externalDataOf } from "../onnx/external-data.ts";
import { computeError } from "../errors.ts";
import type { FairShare } from "./fair-share.ts";
import type { RunnerStart } from "./messages.ts";
import type { ModelSettings } from "./model-settings.ts";
import { ModelVersion } from "./model-version.ts";
import { invalidOption } from "./options.ts";
import type { ExecutionKind, Runner } from "./runner.ts";
import { SequenceModel } from "./sequence.ts";
import type { Servable } from "./servable.ts";
import type { ResolvedSettings } from "./settings.ts";
import { startFirstRunner, startRunner } from "./start-runner.ts";
import type { StatisticsRecorder } from "./statistics.ts";
import type { ThreadPool } from "./thread-pool.ts";

export interface LoadContext {
  readonly runtime: string;
  readonly share: FairShare;
  readonly models: StepModels;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly buffers: BufferPool;
  readonly threads: ThreadPool;
}

export interface ModelSource {
  readonly name: string;
  readonly version: string;
  /** Absent for an ensemble. */
  readonly onnx: Uint8Array | undefined;
  readonly settings: ModelSettings;
  readonly resolved: ResolvedSettings;
  readonly statistics: StatisticsRecorder;
}

/**
 * Starts what answers for one version of a model.
 *
 * @throws MODEL_INVALID, MODEL_WARMUP_FAILED, MODEL_UNAVAILABLE, LIBRARY_MISSING, INFERENCE_OPTION_INVALID
 */
export async function loadModel(source: ModelSource, context: LoadContext): Promise<Servable> {
  const { name, version, settings, statistics } = source;
  const { clock, models } = context;
  requireName("the model name", name);
  requireName("version", version);
  if (settings.ensemble !== undefined) {
    if (source.onnx !== undefined) throw invalidOption("ensemble", "given with onnx", "alone: it has no file");
    // Those that sleep are woken, because only who is loaded knows its signature.
    const targets = await Promise.all(
      settings.ensemble.steps.map(async ({ model, version }) =>
        models.open(model, version === undefined ? {} : { version }, 0),
      ),
    );
    const time = { monotonic: () => clock.monotonic(), now: () => clock.now() };
    return new Ensemble({ name, version, options: settings.ensemble, targets, models, statistics, ...time });
  }
  const model = await startModelVersion(source, context);
  if (settings.sequence === undefined) return model;
  try {
    return new SequenceModel(model, settings.sequence, clock);
  } catch (error) {
    await model.close();
    throw error;
  }
}

async function startModelVersion(source: ModelSource, context: LoadContext): Promise<ModelVersion> {
  const { name, version, settings, resolved, statistics } = source;
  const start: RunnerStart = {
    runtime: context.runtime,
    model: sharedCopy(name, source.onnx),
    warmup: resolved.warmup,
    fullBatchRows: resolved.maxBatchRows,
    maxHeapMb: resolved.maxHeapMb,
  };
  const { buffers, threads } = context;
  const host = { loadTimeoutMs: resolved.loadTimeoutMs, buffers, threads };
  const spawn = (kind: ExecutionKind): Promise<Runner> => startRunner(name, start, kind, host);
  const first = await startFirstRunner(name, start, resolved, host);
  const runners = [first];
  try {
    const layout = batchLayout(first.signature, resolved.batchAxes, resolved.batchable);
    const signature = { ...first.signature, batchable: layout !== null };
    runners.push(...(await startAll(() => spawn(first.kind), resolved.instances - 1)));
    const { share, logger, clock } = context;
    return new ModelVersion({
      name,
      version,
      signature,
      layout,
      settings: resolved,
      givenSettings: settings,
      runners,
      spawn,
      share,
      statistics,
      logger,
      clock,
      buffers,
    });
  } catch (error) {
    await Promise.all(runners.map((runner) => runner.stop()));
    throw error;
  }
}

/** Starts all or none. */
async function startAll(spawn: () => Promise<Runner>, count: number): Promise<Runner[]> {
  const results = await Promise.allSettled(Array.from({ length: count }, spawn));
  const failed = results.find((result) => result.status === "rejected");
  const started = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  if (failed === undefined) return started;
  await Promise.all(started.map((runner) => runner.stop()));
  throw failed.reason;
}

function sharedCopy(model: string, onnx: Uint8Array | undefined): SharedArrayBuffer {
  if (!(onnx instanceof Uint8Array) || onnx.byteLength === 0) {
    throw invalidOption("onnx", typeof onnx, "the bytes of a model as a Uint8Array");
  }
  const external = externalDataOf(onnx);
  if (external !== null) {
    const reason = `it keeps tensors outside the file, in ${JSON.stringify(external)}, and only whole files are read`;
    throw computeError("MODEL_INVALID", { model, reason });
  }
  const shared = new SharedArrayBuffer(onnx.byteLength);
  new Uint8Array(shared).set(onnx);
  return shared;
}

/** Names stand in URLs of the protocol. */
function requireName(what: string, value: string): void {
  if (/^[\w.-]{1,128}$/.test(value) && value !== "." && value !== "..") return;
  throw invalidOption(what, JSON.stringify(value), "1 to 128 letters, digits, underscores, dots or hyphens");
}
