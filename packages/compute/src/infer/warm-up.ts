import type { OnnxRuntime, OnnxSession } from "./runtime.ts";
import type { RunCost } from "./runner.ts";
import { runSession } from "./session.ts";
import type { ModelSignature } from "./signature.ts";
import { arrayConstructor, elementCount, type Tensor } from "./tensor.ts";

/** Runs of a full batch, the quickest of which is the cost: what else the machine did makes a run only slower. */
const measuredRuns = 5;

/** A full batch of more elements than this is not run: the model is too heavy for the question to matter. */
const measuredElements = 4_000_000;

/** What the warm-up has shown. */
export interface Proven {
  /** A model that does not give two rows for two is not batchable. */
  readonly signature: ModelSignature;
  readonly cost: RunCost;
}

/**
 * Runs the model on zeros: once on one row, when its rows may be joined once on two, and when its cost follows from
 * the number of rows alone a few times on a full batch. Dimensions that vary are taken as 1.
 */
export async function warmUp(
  runtime: OnnxRuntime,
  session: OnnxSession,
  declared: ModelSignature,
  fullBatchRows: number,
): Promise<Proven> {
  await runSession(runtime, session, declared, zeros(declared, 1));
  const signature = await proveBatchable(runtime, session, declared);
  const rows = signature.batchable ? fullBatchRows : 1;
  if (!isCostKnown(signature, rows)) return { signature, cost: { batchMicros: null } };
  const micros: number[] = [];
  for (let run = 0; run < measuredRuns; run++) {
    const inputs = zeros(signature, rows);
    const began = performance.now();
    await runSession(runtime, session, signature, inputs);
    micros.push((performance.now() - began) * 1000);
  }
  return { signature, cost: { batchMicros: Math.min(...micros) } };
}

async function proveBatchable(
  runtime: OnnxRuntime,
  session: OnnxSession,
  signature: ModelSignature,
): Promise<ModelSignature> {
  if (!signature.batchable) return signature;
  try {
    const outputs = await runSession(runtime, session, signature, zeros(signature, 2));
    return { ...signature, batchable: outputs.every((output) => output.shape[0] === 2) };
  } catch {
    return { ...signature, batchable: false };
  }
}

/** When an axis beyond the batch varies, zeros of length 1 say nothing of what a request will cost. */
function isCostKnown(signature: ModelSignature, rows: number): boolean {
  const batchAxes = signature.batchable ? 1 : 0;
  const elements = signature.inputs.reduce(
    (sum, { shape }) => sum + rows * elementCount(shape.map((length) => length ?? 1)),
    0,
  );
  return (
    elements <= measuredElements &&
    signature.inputs.every(({ shape }) => shape.slice(batchAxes).every((length) => length !== null))
  );
}

function zeros(signature: ModelSignature, rows: number): Tensor[] {
  return signature.inputs.map((spec) => {
    const shape = spec.shape.map((length, axis) => length ?? (axis === 0 ? rows : 1));
    const constructor = arrayConstructor(spec.type);
    const size = elementCount(shape);
    return { shape, data: constructor === null ? Array.from({ length: size }, () => "") : new constructor(size) };
  });
}
