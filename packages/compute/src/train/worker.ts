import { parentPort, workerData } from "node:worker_threads";
import { Diverged, StoppedByPeer, WorkerGroup } from "./all-reduce.ts";
import { trainBoostedTreesProgram } from "./boosted-trees-program.ts";
import type { WorkerMessage, WorkerStart } from "./data-parallel.ts";
import { trainLogisticProgram } from "./logistic-program.ts";
import { trainMlpProgram } from "./mlp-program.ts";
import type { Reporter } from "./program.ts";
import type { TrainingInput, TrainingState } from "./state.ts";

/**
 * The same code runs in every worker (single program, multiple data): all decisions follow from reduced values, which
 * are equal in all workers, so that all take the same branches and meet at the same barriers.
 */
function run(input: TrainingInput, group: WorkerGroup, reporter: Reporter): TrainingState {
  switch (input.kind) {
    case "logistic-regression":
      return trainLogisticProgram(input, group, reporter);
    case "mlp":
      return trainMlpProgram(input, group, reporter);
    case "boosted-trees":
      return trainBoostedTreesProgram(input, group, reporter);
  }
}

const start = workerData as WorkerStart;
const group = new WorkerGroup(start.rank, start.workers, start.control);
const send = (message: WorkerMessage): void => {
  // The rule is for windows: a port between threads has no origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.postMessage(message);
};

function reporterOfRankZero(): Reporter {
  const { everySteps, everyMs } = start.checkpoint ?? {};
  let last = performance.now();
  return {
    progress: (progress) => send({ type: "progress", progress }),
    checkpoint(step, state) {
      const now = performance.now();
      const due = everySteps === undefined ? now - last >= (everyMs ?? Infinity) : step % everySteps === 0;
      if (!due) return;
      last = now;
      send({ type: "checkpoint", state: state() });
    },
  };
}

const silent: Reporter = { progress: () => {}, checkpoint: () => {} };

try {
  const state = run(start.input, group, start.rank === 0 ? reporterOfRankZero() : silent);
  send(start.rank === 0 ? { type: "finished", state } : { type: "finished" });
} catch (error) {
  if (error instanceof Diverged) send({ type: "diverged", kind: start.input.kind, step: error.step, loss: error.loss });
  else if (!(error instanceof StoppedByPeer)) throw error;
}
