import { computeError } from "../errors.ts";
import type { StartFailure } from "./open-session.ts";
import { onnxRuntimePackage } from "./runtime.ts";

/** The error for a session that could not be opened. */
export function startError(model: string, { stage, reason }: StartFailure, runtime: string): Error {
  switch (stage) {
    case "runtime-missing":
      return computeError("LIBRARY_MISSING", {
        library: onnxRuntimePackage.library,
        range: onnxRuntimePackage.range,
        purpose: `to run ONNX models (import of "${runtime}" failed)`,
      });
    case "runtime":
      return computeError("MODEL_UNAVAILABLE", { model, reason: `the runtime "${runtime}" does not load: ${reason}` });
    case "model":
      return computeError("MODEL_INVALID", { model, reason });
    case "warmup":
      return computeError("MODEL_WARMUP_FAILED", { model, reason });
  }
}
