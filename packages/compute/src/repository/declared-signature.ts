import { describeSpec, type ModelSignature } from "../infer/signature.ts";
import type { TensorSpec } from "../infer/tensor.ts";

/** Inputs and outputs that a model shall have. One that has others is refused. */
export interface DeclaredSignature {
  /** All inputs, or none when nothing is said of them. */
  readonly inputs: readonly DeclaredTensor[];
  /** The model may have more. */
  readonly outputs: readonly DeclaredTensor[];
  /** Requests are joined along axis 0 of every tensor, which varies. */
  readonly batched: boolean;
  /** Where it is written down, for the error: `config.pbtxt`. */
  readonly from: string;
}

export interface DeclaredTensor {
  readonly name: string;
  /** An element type in the names of ONNX Runtime; left out when it does not matter. */
  readonly type?: string;
  /** With the batch axis; `null` is an axis that varies, so that of the model has to vary too. */
  readonly shape?: readonly (number | null)[];
}

/** Says where a model is not what was declared, naming both, or `null`. */
export function declarationDifference(declared: DeclaredSignature, model: ModelSignature): string | null {
  const { inputs, outputs, batched } = declared;
  const fixed = batched ? [...model.inputs, ...model.outputs].find(({ shape }) => shape[0] !== null) : undefined;
  const undeclared = model.inputs.find(({ name }) => inputs.every((known) => known.name !== name));
  return (
    tensorsDifference("input", inputs, model.inputs) ??
    tensorsDifference("output", outputs, model.outputs) ??
    (fixed === undefined
      ? null
      : `it is declared to be batched, and "${fixed.name}" of the model is ${describeSpec(fixed)}, whose axis 0 does not vary`) ??
    (inputs.length === 0 || undeclared === undefined
      ? null
      : `the input "${undeclared.name}" of the model, ${describeSpec(undeclared)}, is not declared`)
  );
}

function tensorsDifference(
  kind: string,
  declared: readonly DeclaredTensor[],
  specs: readonly TensorSpec[],
): string | null {
  for (const { name, type, shape } of declared) {
    const spec = specs.find((candidate) => candidate.name === name);
    if (spec === undefined) {
      const names = specs.map((known) => known.name).join(", ");
      return `the ${kind} "${name}" is declared, and the model has the ${kind}s ${names || "none"}`;
    }
    const fits = (type ?? spec.type) === spec.type && (shape === undefined || shapeFits(shape, spec.shape));
    if (fits) continue;
    const wanted = `${type ?? spec.type}[${(shape ?? spec.shape).map((length) => length ?? "?").join(", ")}]`;
    return `the ${kind} "${name}" is declared as ${wanted}, and the model has ${describeSpec(spec)}`;
  }
  return null;
}

function shapeFits(declared: readonly (number | null)[], shape: TensorSpec["shape"]): boolean {
  if (declared.length !== shape.length) return false;
  return shape.every((length, axis) => length === null || length === declared[axis]);
}
