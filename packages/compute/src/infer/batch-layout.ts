import { invalidOption } from "./options.ts";
import type { ModelSignature } from "./signature.ts";

/** The axis along which each tensor of a model is joined, in the order of the signature; `null` where it is not. */
export interface BatchLayout {
  readonly inputs: readonly (number | null)[];
  /** Every output is cut along its axis, so each has one. */
  readonly outputs: readonly number[];
  /** Inputs of which the model fixes every axis but the joined one. */
  readonly fixed: readonly boolean[];
}

/**
 * How requests of a model are joined, or `null` when they are not.
 *
 * @throws INFERENCE_OPTION_INVALID when `batchAxes` does not fit the signature
 */
export function batchLayout(
  signature: ModelSignature,
  batchAxes: Readonly<Record<string, number | null>> | null,
  batchable: boolean,
): BatchLayout | null {
  if (!batchable) return null;
  if (batchAxes === null) {
    if (!signature.batchable) return null;
    const inputs = signature.inputs.map(() => 0);
    return { inputs, outputs: signature.outputs.map(() => 0), fixed: fixedInputs(signature, inputs) };
  }
  const names = new Set([...signature.inputs, ...signature.outputs].map(({ name }) => name));
  const unknown = Object.keys(batchAxes).find((name) => !names.has(name));
  if (unknown !== undefined) throw invalidOption("batchAxes", `of "${unknown}"`, `of ${[...names].join(", ")}`);
  const axisOf = (name: string, rank: number): number | null => {
    const axis = Object.hasOwn(batchAxes, name) ? (batchAxes[name] ?? null) : rank === 0 ? null : 0;
    if (axis !== null && axis >= rank) throw invalidOption(`batchAxes.${name}`, axis, `less than its ${rank} axes`);
    return axis;
  };
  const inputs = signature.inputs.map(({ name, shape }) => axisOf(name, shape.length));
  const outputs = signature.outputs.map(({ name, shape }) => {
    const axis = axisOf(name, shape.length);
    if (axis === null) throw invalidOption(`batchAxes.${name}`, "null", "an axis: outputs are cut into requests");
    return axis;
  });
  if (inputs.every((axis) => axis === null)) {
    throw invalidOption("batchAxes", "null for every input", "an axis for one input at least");
  }
  return { inputs, outputs, fixed: fixedInputs(signature, inputs) };
}

function fixedInputs(signature: ModelSignature, axes: readonly (number | null)[]): boolean[] {
  return signature.inputs.map(({ shape }, index) => {
    const joined = axes[index] ?? null;
    return joined !== null && shape.every((length, axis) => axis === joined || length !== null);
  });
}
