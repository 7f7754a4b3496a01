import { randomUUID } from "node:crypto";
import {
  type Clock,
  isAshlarError,
  type LineageSink,
  type Logger,
  type Page,
  type PageRequest,
  silentLogger,
  type SqlDatabase,
  systemClock,
} from "@ashlar/core";
import { checkInput, type InputOf, type InputSpec } from "../define/input.ts";
import type { Workflow, WorkflowDefinition } from "../define/workflow.ts";
import { orchestrationError } from "../errors.ts";
import type { HistoryFactory, RunEvent, RunRecord, StepRecord } from "../history/port.ts";
import { readEvents, readRun, readRuns, readSteps } from "../history/read.ts";
import { encodeValue } from "../history/value.ts";
import { explainRun } from "./explain.ts";
import type { Failpoint } from "./failpoint.ts";
import { beat, claim, type Lease, registerWorker, release } from "./lease.ts";
import { reopen } from "./reopen.ts";
import { type Progress, RunExecution } from "./run.ts";
import { appendEvent } from "./step-commit.ts";
import { thisWorker } from "./worker-identity.ts";

export interface EngineOptions {
  readonly history: HistoryFactory;
  readonly workflows: readonly WorkflowDefinition[];
  /** Steps of one run that may work at the same time. @default 4 */
  readonly concurrency?: number;
  readonly onProgress?: (progress: Progress) => void;
  /** Where a run event goes for each finished step. */
  readonly lineage?: { readonly sink: LineageSink; readonly namespace: string };
  /** @default the clock of this machine */
  readonly clock?: Clock;
  /** @default silent */
  readonly logger?: Logger;
  /** Draws the jitter, from 0 to 1. @default Math.random */
  readonly random?: () => number;
  /** Called at each durable boundary. @default nothing */
  readonly failpoint?: Failpoint;
}

export interface StartOptions {
  /** A second start with the same key gives the run of the first. */
  readonly idempotencyKey?: string;
}

/** A started run. */
export interface Run<Output> {
  readonly id: string;
  /** True when the idempotency key named a run that was there already. */
  readonly existing: boolean;
  /** @throws RUN_FAILED, RUN_CANCELLED */
  result(options?: { readonly signal?: AbortSignal }): Promise<Output>;
}

/** Carries out workflows. Runs that a dead process has left behind are taken over when an engine is created. */
export interface Engine extends AsyncDisposable {
  start<Spec extends InputSpec, Output>(
    workflow: Workflow<Spec, Output>,
    input: InputOf<Spec>,
    options?: StartOptions,
  ): Promise<Run<Output>>;
  /** Stops a run for good: its steps' signals are aborted, and no further step starts. */
  cancel(runId: string): Promise<void>;
  /**
   * Goes on with a failed or cancelled run: what has succeeded stays as it is, all else is done with a new budget of
   * attempts, under the same run and idempotency keys.
   *
   * @throws RUN_NOT_FOUND, RUN_NOT_RETRYABLE, WORKFLOW_UNKNOWN, WORKFLOW_CHANGED
   */
  retry(runId: string): Promise<Run<unknown>>;
  run(runId: string): Promise<RunRecord>;
  runs(request?: PageRequest): Promise<Page<RunRecord>>;
  steps(runId: string): Promise<readonly StepRecord[]>;
  events(runId: string, options?: { readonly after?: number }): Promise<readonly RunEvent[]>;
  /** Why each step runs, waits, was tried again or will not run: one line each. */
  explain(runId: string): Promise<readonly string[]>;
}

const beatMs = 2_000;
const pollMs = 250;

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const database = await options.history();
  const engine = new WorkflowEngine(database, options);
  await engine.open();
  return engine;
}

class WorkflowEngine implements Engine {
  readonly #database: SqlDatabase;
  readonly #options: EngineOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #worker = thisWorker();
  readonly #workflows: ReadonlyMap<string, WorkflowDefinition>;
  readonly #active: Map<string, { readonly execution: RunExecution; readonly ended: Promise<void> }> = new Map();
  #heart: NodeJS.Timeout | undefined;

  constructor(database: SqlDatabase, options: EngineOptions) {
    this.#database = database;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#workflows = new Map(options.workflows.map((workflow) => [workflow.name, workflow]));
  }

  async open(): Promise<void> {
    await registerWorker(this.#database, this.#worker, this.#clock);
    this.#heart = setInterval(() => void this.#tick(), beatMs);
    this.#heart.unref();
    await this.#takeOverAbandoned();
  }

  async start<Spec extends InputSpec, Output>(
    workflow: Workflow<Spec, Output>,
    input: InputOf<Spec>,
    options: StartOptions = {},
  ): Promise<Run<Output>> {
    const known = this.#known(workflow.name);
    checkInput(workflow.name, workflow.input, input);
    const encoded = encodeValue(input);
    if (typeof encoded === "string") {
      throw orchestrationError("WORKFLOW_INVALID", {
        workflow: workflow.name,
        problem: `its input cannot be kept: ${encoded}`,
      });
    }
    const created = await this.#create(known, encoded, options.idempotencyKey);
    if (created.lease !== undefined) {
      await this.#options.failpoint?.("run-created");
      this.#execute(known, created.lease, input);
    }
    return {
      id: created.id,
      existing: created.lease === undefined,
      result: (wait) => this.#result(created.id, wait?.signal) as Promise<Output>,
    };
  }

  async cancel(runId: string): Promise<void> {
    const changed = await this.#database.run("UPDATE run SET cancel_requested = 1 WHERE id = ? AND state = 'running'", [
      runId,
    ]);
    if (changed === 0) await this.run(runId);
    const active = this.#active.get(runId);
    active?.execution.cancel();
    await active?.ended;
  }

  async retry(runId: string): Promise<Run<unknown>> {
    const run = await this.run(runId);
    const workflow = this.#known(run.workflow);
    assertSameVersion(run, workflow);
    const lease = await reopen(this.#database, runId, this.#worker, this.#clock);
    this.#execute(workflow, lease, run.input);
    return { id: runId, existing: true, result: (wait) => this.#result(runId, wait?.signal) };
  }

  async run(runId: string): Promise<RunRecord> {
    const record = await readRun(this.#database, runId);
    if (record === undefined) throw orchestrationError("RUN_NOT_FOUND", { run: runId });
    return record;
  }

  runs(request: PageRequest = {}): Promise<Page<RunRecord>> {
    return readRuns(this.#database, request);
  }

  async steps(runId: string): Promise<readonly StepRecord[]> {
    await this.run(runId);
    return readSteps(this.#database, runId);
  }

  events(runId: string, options: { readonly after?: number } = {}): Promise<readonly RunEvent[]> {
    return readEvents(this.#database, runId, options.after);
  }

  async explain(runId: string): Promise<readonly string[]> {
    const run = await this.run(runId);
    const steps = await readSteps(this.#database, runId);
    return explainRun(run, steps, this.#workflows.get(run.workflow), this.#clock.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#heart);
    const active = [...this.#active.values()];
    for (const { execution } of active) execution.interrupt();
    await Promise.all(active.map(({ ended }) => ended));
    await release(this.#database, this.#worker);
    await this.#database[Symbol.asyncDispose]();
  }

  #known(name: string): WorkflowDefinition {
    const workflow = this.#workflows.get(name);
    if (workflow === undefined) throw orchestrationError("WORKFLOW_UNKNOWN", { workflow: name });
    return workflow;
  }

  /** Writes the run with all its steps, or finds the one that has the idempotency key. */
  #create(
    workflow: WorkflowDefinition,
    input: Uint8Array,
    key?: string,
  ): Promise<{ readonly id: string; readonly lease?: Lease }> {
    return this.#database.transaction(async (tx) => {
      if (key !== undefined) {
        const [row] = await tx.query<{ id: string; workflow: string; input: Uint8Array }>(
          "SELECT id, workflow, input FROM run WHERE idempotency_key = ?",
          [key],
        );
        if (row !== undefined) {
          const same = row.workflow === workflow.name && Buffer.compare(row.input, input) === 0;
          if (!same) throw orchestrationError("IDEMPOTENCY_CONFLICT", { key, run: row.id });
          return { id: row.id };
        }
      }
      const id = randomUUID();
      await tx.run(
        "INSERT INTO run (id, workflow, version, state, input, idempotency_key, owner, epoch, created_at) VALUES (?, ?, ?, 'running', ?, ?, ?, 1, ?)",
        [id, workflow.name, workflow.version, input, key ?? null, this.#worker.id, this.#clock.now()],
      );
      for (const [ordinal, step] of workflow.steps.entries()) {
        await tx.run("INSERT INTO step (run, name, ordinal, state) VALUES (?, ?, ?, 'waiting')", [
          id,
          step.name,
          ordinal,
        ]);
      }
      await appendEvent(tx, {
        run: id,
        step: undefined,
        type: "run-started",
        at: this.#clock.now(),
        detail: undefined,
      });
      return { id, lease: { run: id, epoch: 1 } };
    });
  }

  #execute(workflow: WorkflowDefinition, lease: Lease, input: unknown): void {
    const execution = new RunExecution(
      {
        database: this.#database,
        clock: this.#clock,
        random: this.#options.random ?? Math.random,
        concurrency: this.#options.concurrency ?? 4,
        failpoint: this.#options.failpoint ?? (() => undefined),
        onProgress: this.#options.onProgress ?? (() => undefined),
        lineage: this.#options.lineage,
      },
      workflow,
      lease,
      input,
    );
    const ended = execution
      .execute()
      .then((end) => this.#logger.info({ run: lease.run, end }, "run ended"))
      // Fenced off, or the database is gone: either way this engine has no say in the run any more.
      .catch((error: unknown) => this.#logger.error({ run: lease.run, error }, "run abandoned"))
      .finally(() => this.#active.delete(lease.run));
    this.#active.set(lease.run, { execution, ended });
  }

  /** Goes on with each run whose worker has died. Runs of workflows this engine does not have are left alone. */
  async #takeOverAbandoned(): Promise<void> {
    const rows = await this.#database.query<{ id: string }>(
      "SELECT id FROM run WHERE state = 'running' ORDER BY created_at",
    );
    for (const { id } of rows) {
      if (this.#active.has(id)) continue;
      const run = await readRun(this.#database, id);
      const workflow = this.#workflows.get(run?.workflow ?? "");
      if (run === undefined || workflow === undefined) continue;
      if (run.version !== workflow.version) {
        const versions = { started: run.version, now: workflow.version };
        const error = orchestrationError("WORKFLOW_CHANGED", { run: id, workflow: workflow.name, ...versions });
        this.#logger.warn({ run: id, error }, error.message);
        continue;
      }
      const lease = await this.#claimIfAbandoned(id);
      if (lease === undefined) continue;
      await this.#options.failpoint?.("run-claimed");
      this.#execute(workflow, lease, run.input);
      if (run.cancelRequested) this.#active.get(id)?.execution.cancel();
    }
  }

  async #claimIfAbandoned(run: string): Promise<Lease | undefined> {
    try {
      return await this.#database.transaction(async (tx) => {
        const lease = await claim(tx, run, this.#worker, this.#clock);
        await appendEvent(tx, { run, step: undefined, type: "run-resumed", at: this.#clock.now(), detail: undefined });
        return lease;
      });
    } catch (error) {
      if (isAshlarError(error, "RUN_OWNED")) return undefined;
      throw error;
    }
  }

  /** Shows that this worker lives, takes over what others left, and obeys cancellations asked for elsewhere. */
  async #tick(): Promise<void> {
    try {
      await beat(this.#database, this.#worker, this.#clock);
      await this.#takeOverAbandoned();
      for (const [id, { execution }] of this.#active) {
        if ((await readRun(this.#database, id))?.cancelRequested === true) execution.cancel();
      }
    } catch (error) {
      this.#logger.error({ error }, "heartbeat failed");
    }
  }

  async #result(runId: string, signal?: AbortSignal): Promise<unknown> {
    for (;;) {
      signal?.throwIfAborted();
      const active = this.#active.get(runId);
      if (active !== undefined) await active.ended;
      const run = await this.run(runId);
      const workflow = this.#workflows.get(run.workflow);
      switch (run.state) {
        case "succeeded":
          return run.output;
        case "failed":
          throw orchestrationError("RUN_FAILED", {
            run: runId,
            step: run.error?.step ?? "",
            reason: run.error?.message ?? "",
            code: run.error?.code,
          });
        case "cancelled":
          throw orchestrationError("RUN_CANCELLED", { run: runId });
        case "running":
          if (workflow !== undefined) assertSameVersion(run, workflow);
          await this.#clock.sleep(pollMs, signal === undefined ? {} : { signal });
      }
    }
  }
}

function assertSameVersion(run: RunRecord, { name, version }: WorkflowDefinition): void {
  if (run.version === version) return;
  throw orchestrationError("WORKFLOW_CHANGED", { run: run.id, workflow: name, started: run.version, now: version });
}
