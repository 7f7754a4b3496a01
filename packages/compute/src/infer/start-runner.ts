import { startInlineRunner } from "./inline-runner.ts";
import type { RunnerStart } from "./messages.ts";
import { startProcess } from "./remote.ts";
import { type RunnerHost, startRemoteRunner } from "./remote-runner.ts";
import type { ExecutionKind, Runner } from "./runner.ts";
import type { ResolvedSettings } from "./settings.ts";

/**
 * Starts one instance.
 *
 * @throws LIBRARY_MISSING, MODEL_INVALID, MODEL_WARMUP_FAILED, MODEL_UNAVAILABLE
 */
export function startRunner(model: string, start: RunnerStart, kind: ExecutionKind, host: RunnerHost): Promise<Runner> {
  if (kind === "inline") return startInlineRunner(model, start);
  const remote = kind === "worker" ? host.threads.start(start) : startProcess(start);
  return startRemoteRunner(model, start, remote, host);
}

/**
 * Starts the first instance of a model. For `auto` that is a worker, where a model that hangs or is slow does no harm;
 * when its measured runs are short enough an inline instance takes its place.
 *
 * @throws what {@link startRunner} throws
 */
export async function startFirstRunner(
  model: string,
  start: RunnerStart,
  settings: ResolvedSettings,
  host: RunnerHost,
): Promise<Runner> {
  const { execution, inlineBelowMicros, instances } = settings;
  if (execution !== "auto") return startRunner(model, start, execution, host);
  const worker = await startRunner(model, start, "worker", host);
  const { batchMicros } = worker.cost;
  if (instances > 1 || batchMicros === null || batchMicros >= inlineBelowMicros) return worker;
  const inline = await startRunner(model, { ...start, warmup: false }, "inline", host).catch(() => null);
  // What the runtime does in a thread it may not do here; the model then stays where it runs.
  if (inline === null) return worker;
  const { signature, cost } = worker;
  await worker.stop();
  return { ...inline, signature, cost };
}
