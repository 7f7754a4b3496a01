import type { Clock, LineageDataset, LineageSink, SqlDatabase } from "@ashlar/core";
import { type Origin, resolveArgument } from "../define/handle.ts";
import type { StepContext } from "../define/step.ts";
import type { StepDefinition, WorkflowDefinition } from "../define/workflow.ts";
import { orchestrationError } from "../errors.ts";
import type { RunError, StepRecord } from "../history/port.ts";
import { readSteps } from "../history/read.ts";
import { encodeValue } from "../history/value.ts";
import type { Failpoint } from "./failpoint.ts";
import type { Lease } from "./lease.ts";
import { stepLineage } from "../lineage/openlineage.ts";
import { backoff, codeOf, isFinal, messageOf } from "./retry.ts";
import { type RunJournal, runJournal } from "./step-commit.ts";

/** What a watcher of an engine is told, as it happens; the durable record is the history. */
export interface Progress {
  readonly run: string;
  readonly step: string;
  readonly state: "started" | "progress" | "succeeded" | "retrying" | "failed" | "skipped";
  /** 0 to 1, while it is in progress. */
  readonly fraction?: number;
  readonly message?: string;
}

export interface RunEnvironment {
  readonly database: SqlDatabase;
  readonly clock: Clock;
  readonly random: () => number;
  readonly concurrency: number;
  readonly failpoint: Failpoint;
  readonly onProgress: (progress: Progress) => void;
  readonly lineage: { readonly sink: LineageSink; readonly namespace: string } | undefined;
}

/** A step that has still to be done, and what earlier attempts have left. */
interface Waiting {
  readonly definition: StepDefinition;
  readonly record: StepRecord;
}

/** How a run ended. `interrupted`: the engine is closing; another will go on with it. */
export type RunEnd = "succeeded" | "failed" | "cancelled" | "interrupted";

/**
 * Carries out a run from wherever its history stands: starts each step whose needs have succeeded, at most
 * `concurrency` at a time, until all have succeeded or one has failed for good.
 */
export class RunExecution {
  readonly #environment: RunEnvironment;
  readonly #workflow: WorkflowDefinition;
  readonly #lease: Lease;
  readonly #input: unknown;
  readonly #journal: RunJournal;
  readonly #outputs: Map<string, unknown> = new Map();
  readonly #stop: AbortController = new AbortController();
  #failure: RunError | undefined;

  constructor(environment: RunEnvironment, workflow: WorkflowDefinition, lease: Lease, input: unknown) {
    this.#environment = environment;
    this.#workflow = workflow;
    this.#lease = lease;
    this.#input = input;
    this.#journal = runJournal(environment.database, lease, environment.clock);
  }

  /** Stops the run for good. */
  cancel(): void {
    this.#stop.abort(orchestrationError("RUN_CANCELLED", { run: this.#lease.run }));
  }

  /** Stops working on the run and leaves it to another engine. */
  interrupt(): void {
    this.#stop.abort(interruption);
  }

  async execute(): Promise<RunEnd> {
    const active = new Map<string, Promise<void>>();
    try {
      const waiting = await this.#restore();
      await this.#startWhatIsReady(waiting, active);
      if (this.#failure !== undefined) this.#stop.abort(new Error("another step of the run has failed"));
      await Promise.all(active.values());
      return await this.#finish([...waiting.keys()]);
    } catch (error) {
      // A write was refused: the other steps must end too, and none of their results may be written.
      this.interrupt();
      await Promise.allSettled(active.values());
      throw error;
    }
  }

  async #startWhatIsReady(waiting: Map<string, Waiting>, active: Map<string, Promise<void>>): Promise<void> {
    while (this.#failure === undefined && !this.#stop.signal.aborted) {
      for (const [name, { definition, record }] of waiting) {
        if (active.size >= this.#environment.concurrency) break;
        if (!definition.needs.every((need) => this.#outputs.has(need))) continue;
        waiting.delete(name);
        const attempt = this.#carryOut(definition, record).finally(() => active.delete(name));
        active.set(name, attempt);
      }
      if (active.size === 0) return;
      await Promise.race(active.values());
    }
  }

  /** Reads what has been committed; what is left has still to be done. */
  async #restore(): Promise<Map<string, Waiting>> {
    const records = new Map(
      (await readSteps(this.#environment.database, this.#lease.run)).map((record) => [record.name, record]),
    );
    const waiting = new Map<string, Waiting>();
    for (const definition of this.#workflow.steps) {
      const record = records.get(definition.name) as StepRecord;
      if (record.state === "succeeded") {
        this.#outputs.set(definition.name, record.output);
        this.#tell(definition.name, "skipped");
      } else waiting.set(definition.name, { definition, record });
    }
    return waiting;
  }

  /** One step, with its retries, to success, failure or the end of the run. Never rejects, but when it is fenced off. */
  async #carryOut(definition: StepDefinition, record: StepRecord): Promise<void> {
    const { name, retry } = definition;
    let { attempts, failures, interruptions, runAt } = record;

    if (record.state === "running") {
      interruptions += 1;
      await this.#journal.step(name, { state: "waiting", interruptions }, "step-interrupted");
      if (interruptions > retry.preemption) {
        return this.#fail(name, orchestrationError("STEP_INTERRUPTED", { step: name, interruptions }), failures);
      }
    }
    for (;;) {
      try {
        await this.#waitUntil(runAt);
        attempts += 1;
        await this.#attempt(definition, attempts);
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return this.#stopStep(name);
        failures += 1;
        if (failures > retry.application || isFinal(error)) return this.#fail(name, error, failures);
        const message = messageOf(error);
        runAt = this.#environment.clock.now() + backoff(retry, failures, this.#environment.random);
        const code = codeOf(error) ?? null;
        const change = { state: "retrying", failures, run_at: runAt, error: message, error_code: code } as const;
        await this.#journal.step(name, change, "step-retried", message);
        this.#tell(name, "retrying", { message });
      }
    }
  }

  async #attempt(definition: StepDefinition, attempt: number): Promise<void> {
    const { name } = definition;
    const { clock, failpoint } = this.#environment;
    const started = clock.now();
    const start = { state: "running", attempts: attempt, started_at: started, run_at: null } as const;
    await this.#journal.step(name, start, "step-started");
    this.#tell(name, "started");
    await failpoint("step-started", name);

    const datasets = { inputs: [] as LineageDataset[], outputs: [] as LineageDataset[] };
    const result = await this.#call(definition, attempt, datasets);
    const output = encodeValue(result);
    if (typeof output === "string") throw orchestrationError("STEP_OUTPUT_INVALID", { step: name, reason: output });
    this.#stop.signal.throwIfAborted();
    await failpoint("step-ran", name);

    const finished = clock.now();
    await this.#journal.step(
      name,
      { state: "succeeded", output, finished_at: finished, error: null, error_code: null },
      "step-succeeded",
    );
    await failpoint("step-committed", name);
    this.#outputs.set(name, result);
    this.#tell(name, "succeeded");
    await this.#emitLineage(name, datasets, finished);
  }

  async #call(
    definition: StepDefinition,
    attempt: number,
    datasets: { readonly inputs: LineageDataset[]; readonly outputs: LineageDataset[] },
  ): Promise<unknown> {
    const { name, timeoutMs } = definition;
    const timeout = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, timeout.signal]);
    const context: StepContext = {
      runId: this.#lease.run,
      step: name,
      attempt,
      idempotencyKey: `${this.#lease.run}/${name}`,
      signal,
      progress: (fraction, message) =>
        this.#tell(name, "progress", { fraction, ...(message === undefined ? {} : { message }) }),
      lineage: ({ inputs, outputs }) => {
        datasets.inputs.push(...(inputs ?? []));
        datasets.outputs.push(...(outputs ?? []));
      },
    };
    const argument = resolveArgument(definition.argument, (from) => this.#valueOf(from));
    const work = (async () => definition.run(argument as never, context))();
    if (timeoutMs === undefined) return untilAborted(work, signal);

    const timer = setTimeout(
      () => timeout.abort(orchestrationError("STEP_TIMED_OUT", { step: name, timeoutMs })),
      timeoutMs,
    );
    try {
      return await untilAborted(work, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  #valueOf({ step, path }: Origin): unknown {
    let value = step === undefined ? this.#input : this.#outputs.get(step);
    for (const key of path) {
      value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
    }
    return value;
  }

  async #waitUntil(runAt: number | undefined): Promise<void> {
    const left = (runAt ?? 0) - this.#environment.clock.now();
    if (left > 0) await this.#environment.clock.sleep(left, { signal: this.#stop.signal });
    this.#stop.signal.throwIfAborted();
  }

  async #fail(name: string, error: unknown, failures: number): Promise<void> {
    const [message, code] = [messageOf(error), codeOf(error)];
    const finished = this.#environment.clock.now();
    await this.#journal.step(
      name,
      { state: "failed", failures, error: message, error_code: code ?? null, finished_at: finished },
      "step-failed",
      message,
    );
    this.#failure ??= { step: name, message, code };
    this.#tell(name, "failed", { message });
  }

  /** A step that the end of the run has stopped: cancelled with it, or, when it is only handed over, left as it is. */
  async #stopStep(name: string): Promise<void> {
    if (this.#stop.signal.reason === interruption) return;
    await this.#journal.step(
      name,
      { state: "cancelled", finished_at: this.#environment.clock.now() },
      "step-cancelled",
    );
  }

  async #finish(left: readonly string[]): Promise<RunEnd> {
    const reason: unknown = this.#stop.signal.reason;
    if (reason === interruption) return "interrupted";
    for (const name of left) await this.#stopStep(name);
    if (this.#failure !== undefined) {
      await this.#journal.finish("failed", { error: this.#failure });
      return "failed";
    }
    if (this.#stop.signal.aborted) {
      await this.#journal.finish("cancelled", {});
      return "cancelled";
    }
    const result = resolveArgument(this.#workflow.output, (from) => this.#valueOf(from));
    const output = encodeValue(result);
    await this.#journal.finish("succeeded", typeof output === "string" ? {} : { output });
    await this.#environment.failpoint("run-finished");
    return "succeeded";
  }

  #tell(step: string, state: Progress["state"], more: Partial<Progress> = {}): void {
    this.#environment.onProgress({ run: this.#lease.run, step, state, ...more });
  }

  async #emitLineage(
    step: string,
    datasets: { inputs: LineageDataset[]; outputs: LineageDataset[] },
    at: number,
  ): Promise<void> {
    const { lineage } = this.#environment;
    if (lineage === undefined) return;
    const job = `${this.#workflow.name}.${step}`;
    await lineage.sink.emit(stepLineage({ run: this.#lease.run, namespace: lineage.namespace, job, at, ...datasets }));
  }
}

const interruption: Error = new Error("the engine is closing");

/** The work's result, or the abort, whichever comes first: a step that ignores its signal cannot hold up its run. */
function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
