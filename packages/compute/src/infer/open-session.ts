import { freeBuffer } from "./buffer-pool.ts";
import type { RunnerStart, StartFailureStage } from "./messages.ts";
import { importOnnxRuntime, isModuleMissing, type OnnxRuntime, type OnnxSession, singleThreaded } from "./runtime.ts";
import { introspect } from "./session.ts";
import { type Proven, warmUp } from "./warm-up.ts";

/** A session that is ready to run. */
export interface OpenSession extends Proven {
  readonly runtime: OnnxRuntime;
  readonly session: OnnxSession;
}

/** Why a session could not be opened; plain data, because it crosses threads. */
export interface StartFailure {
  readonly stage: StartFailureStage;
  readonly reason: string;
}

/** Imports the runtime, creates the session and warms it up. Gives what failed instead of throwing. */
export async function openSession(start: RunnerStart): Promise<OpenSession | StartFailure> {
  let stage: StartFailureStage = "runtime";
  try {
    const runtime = await importOnnxRuntime(start.runtime).catch((error: unknown) => {
      if (isModuleMissing(error)) stage = "runtime-missing";
      throw error;
    });
    stage = "model";
    // ONNX Runtime refuses shared memory, so the file is copied for as long as it is parsed.
    const bytes = new Uint8Array(start.model instanceof Uint8Array ? start.model : new Uint8Array(start.model));
    const session = await runtime.InferenceSession.create(bytes, singleThreaded);
    freeBuffer(bytes.buffer);
    const signature = introspect(session);
    stage = "warmup";
    if (!start.warmup) return { runtime, session, signature, cost: { batchMicros: null } };
    return { runtime, session, ...(await warmUp(runtime, session, signature, start.fullBatchRows)) };
  } catch (error) {
    return { stage, reason: reasonOf(error) };
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
