import { computeError } from "../errors.ts";
import { bind, type Kernel } from "./kernel.ts";
import type { Operation } from "./operation.ts";
import { distance, type Metric } from "./operations/distance.ts";
import { matmul } from "./operations/matmul.ts";
import { type Axis, reduce } from "./operations/reduce.ts";
import { softmax } from "./operations/softmax.ts";
import { deviation, standardise } from "./operations/standardise.ts";
import { createProgram, type ProgramNode } from "./program.ts";
import { type MatrixSource, readMatrix } from "./source.ts";
import type { Matrix } from "./tensor.ts";

/** A value within a fused kernel: it has no numbers yet. */
export interface Value {
  readonly number: number;
}

/** The steps a fused kernel is made of; each is one of the kernels, on values. */
export interface Steps {
  matmul(a: Value, b: Value): Value;
  sum(values: Value, axis: Axis): Value;
  mean(values: Value, axis: Axis): Value;
  min(values: Value, axis: Axis): Value;
  max(values: Value, axis: Axis): Value;
  softmax(values: Value): Value;
  standardise(values: Value, mean: Value, deviation: Value): Value;
  /** Standard deviation of each column, given its mean. */
  deviation(values: Value, mean: Value): Value;
  distance(a: Value, b: Value, metric: Metric): Value;
}

/**
 * One kernel of several steps: what lies between them stays where the backend computes, on a graphics device too.
 *
 *     const classify = fuse("classify", ["rows", "mean", "deviation", "weights"], (on, input) =>
 *       on.softmax(on.matmul(on.standardise(input.rows, input.mean, input.deviation), input.weights)));
 *
 * @param name what the runtime measures and explains it under
 * @throws KERNEL_INPUT_INVALID when an input is named twice or a value of another kernel is used
 */
export function fuse<const Names extends readonly [string, ...string[]]>(
  name: string,
  inputs: Names,
  build: (on: Steps, input: Readonly<Record<Names[number], Value>>) => Value,
): Kernel<Readonly<Record<Names[number], MatrixSource>>, Matrix> {
  if (new Set(inputs).size !== inputs.length) {
    const what = `its inputs are ${inputs.join(", ")}`;
    throw computeError("KERNEL_INPUT_INVALID", { kernel: name, what, rule: "each has a name of its own" });
  }
  const values: Value[] = inputs.map((_, number) => ({ number }));
  const nodes: ProgramNode[] = [];
  const requireOwn = (value: Value, step: string): void => {
    if (values.includes(value)) return;
    const rule = "a step takes inputs of this kernel and results of its earlier steps";
    throw computeError("KERNEL_INPUT_INVALID", { kernel: name, what: `${step} is given another value`, rule });
  };
  const add = (operation: Operation, from: readonly Value[]): Value => {
    for (const value of from) requireOwn(value, operation.name);
    const result: Value = { number: values.length };
    values.push(result);
    nodes.push({ operation, inputs: from.map(({ number }) => number), outputs: [result.number] });
    return result;
  };
  const named = Object.fromEntries(inputs.map((input, i) => [input, values[i]])) as Record<Names[number], Value>;
  const result = build(steps(add), named);
  requireOwn(result, "the result");
  if (result.number < inputs.length) {
    const what = `its result is its input ${inputs[result.number]}`;
    throw computeError("KERNEL_INPUT_INVALID", { kernel: name, what, rule: "a result comes from a step" });
  }
  const program = createProgram(inputs, nodes, [result.number]);
  return {
    name,
    bind: (sources) => {
      const tensors = inputs.map((input: Names[number]) => readMatrix(name, input, sources[input]));
      return bind(name, program, tensors, ([matrix]) => matrix as Matrix);
    },
  };
}

function steps(add: (operation: Operation, from: readonly Value[]) => Value): Steps {
  return {
    matmul: (a, b) => add(matmul, [a, b]),
    sum: (values, axis) => add(reduce("sum", axis), [values]),
    mean: (values, axis) => add(reduce("mean", axis), [values]),
    min: (values, axis) => add(reduce("min", axis), [values]),
    max: (values, axis) => add(reduce("max", axis), [values]),
    softmax: (values) => add(softmax, [values]),
    standardise: (values, mean, spread) => add(standardise, [values, mean, spread]),
    deviation: (values, mean) => add(deviation, [values, mean]),
    distance: (a, b, metric) => add(distance(metric), [a, b]),
  };
}
