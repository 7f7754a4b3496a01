import type { TensorSpec } from "./tensor.ts";

/** What a model takes and gives. */
export interface ModelSignature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** True when requests can be joined along axis 0 into one run and their rows told apart again. */
  readonly batchable: boolean;
}

/** What ONNX Runtime tells of an input or output. A dimension with a name, or with none, varies. */
export interface ValueMetadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string | undefined)[];
}

/**
 * Rows can be joined only when axis 0 of every input and output varies under one name: in `[m, k] x [k, n]` axis 0 of
 * the second operand is not the batch.
 */
export function sharesBatchAxis(values: readonly ValueMetadata[]): boolean {
  const names = new Set<string>();
  for (const value of values) {
    const first = value.shape?.[0];
    if (!value.isTensor || value.shape === undefined || value.shape.length === 0 || typeof first === "number")
      return false;
    names.add(first ?? "");
  }
  return names.size === 1;
}

/** Says how two signatures differ for a client, or `null` when one can stand in for the other. */
export function signatureDifference(before: ModelSignature, after: ModelSignature): string | null {
  return (
    specsDifference("input", before.inputs, after.inputs) ?? specsDifference("output", before.outputs, after.outputs)
  );
}

function specsDifference(kind: string, before: readonly TensorSpec[], after: readonly TensorSpec[]): string | null {
  for (const spec of before) {
    const other = after.find((candidate) => candidate.name === spec.name);
    if (other === undefined) return `the ${kind} "${spec.name}" is gone`;
    if (describeSpec(other) !== describeSpec(spec)) {
      return `the ${kind} "${spec.name}" was ${describeSpec(spec)} and is now ${describeSpec(other)}`;
    }
  }
  const added = after.find((spec) => before.every((known) => known.name !== spec.name));
  return added === undefined ? null : `the ${kind} "${added.name}" is new`;
}

/** `float32[?, 30]` */
export function describeSpec(spec: Pick<TensorSpec, "type" | "shape">): string {
  return `${spec.type}[${spec.shape.map((length) => length ?? "?").join(", ")}]`;
}
