import type { Explanation } from "./choice.ts";
import type { Measurement } from "./measure.ts";
import type { Operation } from "./operation.ts";
import { distance, type Metric } from "./operations/distance.ts";
import { histogram } from "./operations/histogram.ts";
import { matmul } from "./operations/matmul.ts";
import { type Axis, isReduction, reduce } from "./operations/reduce.ts";
import { softmax } from "./operations/softmax.ts";
import { deviation, standardise } from "./operations/standardise.ts";
import { top } from "./operations/top.ts";
import { createProgram, type Program } from "./program.ts";
import type { Tensor } from "./tensor.ts";

/** A program without its functions, as it goes to a thread: operations are known by name and parameters. */
export interface ProgramText {
  readonly inputs: readonly string[];
  readonly nodes: readonly {
    readonly name: string;
    readonly parameters: Operation["parameters"];
    readonly inputs: readonly number[];
    readonly outputs: readonly number[];
  }[];
  readonly results: readonly number[];
}

export interface ToKernelThread {
  readonly id: number;
  readonly kind: "run" | "measure";
  readonly name: string;
  readonly program: ProgramText;
  readonly tensors: readonly Tensor[];
  readonly backend?: string;
}

export type FromKernelThread =
  | { readonly kind: "ready"; readonly explanation: Explanation }
  | {
      readonly kind: "answer";
      readonly id: number;
      readonly results: readonly Tensor[];
      readonly measurements: readonly Measurement[];
      readonly explanation: Explanation;
    }
  | {
      readonly kind: "failure";
      readonly id: number;
      readonly unavailable: boolean;
      readonly backend: string;
      readonly reason: string;
    };

export interface KernelThreadStart {
  readonly measureMs: number | undefined;
}

export function textOf({ inputs, nodes, results }: Program): ProgramText {
  return {
    inputs,
    nodes: nodes.map(({ operation: { name, parameters }, inputs: from, outputs }) => {
      return { name, parameters, inputs: from, outputs };
    }),
    results,
  };
}

export function programFrom({ inputs, nodes, results }: ProgramText): Program {
  const built = nodes.map(({ name, parameters, inputs: from, outputs }) => {
    return { operation: operationOf(name, parameters), inputs: from, outputs };
  });
  return createProgram(inputs, built, results);
}

function operationOf(name: string, parameters: Operation["parameters"]): Operation {
  const plain = [matmul, softmax, standardise, deviation].find((operation) => operation.name === name);
  if (plain !== undefined) return plain;
  if (name === "distance") return distance(parameters["metric"] as Metric);
  if (name === "histogram") return histogram(parameters["bins"] as number);
  if (name === "top") return top(parameters["k"] as number, parameters["order"] as "greatest" | "least");
  if (isReduction(name)) return reduce(name, parameters["axis"] as Axis);
  throw new Error(`the operation ${name} is not one of this package, and functions do not go to a thread`);
}
