import { computeError } from "../errors.ts";
import type { RunnerStart } from "./messages.ts";
import { openSession, reasonOf } from "./open-session.ts";
import type { Runner, RunResult } from "./runner.ts";
import { runSession } from "./session.ts";
import { startError } from "./start-error.ts";

/**
 * Opens a session on the calling thread, for models whose runs are so short that sending them away costs more. It
 * shares the thread's fate: a run holds up the event loop, and a fault in native code ends the process.
 *
 * @throws LIBRARY_MISSING, MODEL_INVALID, MODEL_WARMUP_FAILED, MODEL_UNAVAILABLE
 */
export async function startInlineRunner(model: string, start: RunnerStart): Promise<Runner> {
  const opened = await openSession(start);
  if ("stage" in opened) throw startError(model, opened, start.runtime);
  const { runtime, session, signature, cost } = opened;
  const { promise: exited, resolve: exit } = Promise.withResolvers<string>();
  let running: Promise<unknown> | null = null;
  // The native runtime runs in an immediate of its own, the next one: what the event loop does until then is no part of it.
  // That of WebAssembly has run before.
  let began = 0;
  const begin = (): void => {
    began = performance.now();
  };

  // Made once: a closure or an async function for each run would cost more than the rest of this.
  const succeed = (outputs: RunResult["outputs"]): RunResult => {
    running = null;
    return { outputs, computeMicros: (performance.now() - began) * 1000 };
  };
  const fail = (error: unknown): never => {
    running = null;
    throw computeError("INFERENCE_FAILED", { model, reason: reasonOf(error) }, { cause: error });
  };

  return {
    kind: "inline",
    signature,
    cost,
    exited,
    copies: () => true,
    run(inputs) {
      begin();
      setImmediate(begin);
      const result = runSession(runtime, session, signature, inputs).then(succeed, fail);
      running = result;
      return result;
    },
    async stop() {
      await running?.catch(() => {});
      await session.release();
      exit("it was stopped");
    },
    abandon: exit,
  };
}
