import { computeError } from "../errors.ts";
import type { RunnerStart } from "./messages.ts";
import { openSession, reasonOf } from "./open-session.ts";
import type { Runner, RunResult } from "./runner.ts";
import { feedsOf, outputsOf } from "./session.ts";
import { startError } from "./start-error.ts";
import type { Tensor } from "./tensor.ts";

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

  // Made once, and no async function: for each run they would cost more than the rest of this.
  const ask = (inputs: readonly Tensor[]): ReturnType<typeof session.run> => {
    try {
      return session.run(feedsOf(runtime, signature, inputs));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };
  const fail = (error: unknown): never => {
    running = null;
    throw computeError("INFERENCE_FAILED", { model, reason: reasonOf(error) }, { cause: error });
  };
  const succeed = (results: Awaited<ReturnType<typeof session.run>>): RunResult => {
    running = null;
    const computeMicros = (performance.now() - began) * 1000;
    try {
      return { outputs: outputsOf(signature, results), computeMicros };
    } catch (error) {
      return fail(error);
    }
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
      const result = ask(inputs).then(succeed, fail);
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
