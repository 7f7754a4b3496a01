import type { Clock } from "@ashlar/core";

import { computeError } from "../errors.ts";
import { giveBack, joinRequests, splitOutputs } from "./batch.ts";
import type { BatchLayout } from "./batch-layout.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { Outputs } from "./pending-request.ts";
import type { PreparedInputs } from "./request.ts";
import { runGuarded } from "./run-guard.ts";
import type { Runner, RunResult } from "./runner.ts";
import type { RunnerPool } from "./runner-pool.ts";
import type { ResolvedSettings } from "./settings.ts";
import type { ModelSignature } from "./signature.ts";
import type { Tensor } from "./tensor.ts";

export interface BatchRunInit {
  readonly name: string;
  readonly signature: ModelSignature;
  readonly layout: BatchLayout | null;
  readonly settings: Pick<ResolvedSettings, "hedgeAfterMs" | "runTimeoutMs">;
  readonly pool: RunnerPool;
  readonly clock: Clock;
  readonly buffers: BufferPool;
}

/** What a batch of one version goes through on an instance: requests joined, run within limits, outputs cut. */
export class BatchRun {
  readonly #init: BatchRunInit;

  constructor(init: BatchRunInit) {
    this.#init = init;
  }

  /** @throws INFERENCE_FAILED, INFERENCE_INSTANCE_CRASHED, INFERENCE_RUN_TIMEOUT */
  on(runner: Runner, batch: readonly PreparedInputs[]): Promise<RunResult> {
    const { name, signature, layout, settings, pool, clock, buffers } = this.#init;
    const { hedgeAfterMs, runTimeoutMs } = settings;
    const options = { copies: runner.copies, repeatable: hedgeAfterMs !== null, buffers };
    if (this.isGuarded(runner)) {
      const join = (): readonly Tensor[] => joinRequests(signature, layout, batch, options);
      const onSpent = (inputs: readonly Tensor[]): void => this.#giveBack(inputs, batch);
      return runGuarded({ model: name, pool, clock, hedgeAfterMs, runTimeoutMs, onSpent }, runner, join);
    }
    const inputs = joinRequests(signature, layout, batch, options);
    const result = runner.run(inputs);
    if (inputs === batch[0]?.tensors) return result;
    return result.then((done) => {
      this.#giveBack(inputs, batch);
      return done;
    });
  }

  /** Whether the run has a guard, which gives the instance back then. */
  isGuarded(runner: Runner): boolean {
    const { hedgeAfterMs, runTimeoutMs } = this.#init.settings;
    return runner.kind !== "inline" && (hedgeAfterMs !== null || runTimeoutMs !== null);
  }

  /** The outputs of each request. @throws INFERENCE_FAILED when they have not a row for each row that went in */
  split({ outputs }: RunResult, batch: readonly PreparedInputs[]): Outputs[] {
    const { name, signature, layout } = this.#init;
    try {
      return splitOutputs(signature, layout, outputs, batch);
    } catch (error) {
      throw computeError("INFERENCE_FAILED", { model: name, reason: (error as Error).message }, { cause: error });
    }
  }

  /** Gives the buffers of joined inputs back after their run; those of a lone request are its own. */
  #giveBack(inputs: readonly Tensor[], [first]: readonly PreparedInputs[]): void {
    if (inputs !== first?.tensors) giveBack(inputs, this.#init.buffers);
  }
}
