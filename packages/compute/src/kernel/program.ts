import { computeError } from "../errors.ts";
import { type Operation, operationKey } from "./operation.ts";
import { type Shape, shapeText, type Tensor } from "./tensor.ts";

/**
 * What a backend runs: operations in order. Values are numbered: first the inputs, then the results of each node. The
 * whole program is given at once, so that a device keeps what lies between.
 */
export interface Program {
  /** Same key, same computation: what to keep compiled programs under, together with the shapes. */
  readonly key: string;
  readonly inputs: readonly string[];
  readonly nodes: readonly ProgramNode[];
  /** Values to give back. */
  readonly results: readonly number[];
}

export interface ProgramNode {
  readonly operation: Operation;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

export function createProgram(
  inputs: readonly string[],
  nodes: readonly ProgramNode[],
  results: readonly number[],
): Program {
  const steps = nodes.map(({ operation, inputs: from }) => `${operationKey(operation)}[${from.join(",")}]`);
  return { key: `${inputs.length}|${steps.join(";")}|${results.join(",")}`, inputs, nodes, results };
}

/** A program of one operation on its inputs. */
export function programOf(operation: Operation, inputs: readonly string[], results = 1): Program {
  const outputs = Array.from({ length: results }, (_, i) => inputs.length + i);
  return createProgram(inputs, [{ operation, inputs: inputs.map((_, i) => i), outputs }], outputs);
}

/**
 * The shape of every value.
 *
 * @throws KERNEL_INPUT_INVALID
 */
export function shapesOf(kernel: string, program: Program, inputs: readonly Shape[]): readonly Shape[] {
  const shapes: Shape[] = inputs.map(({ rows, columns }) => ({ rows, columns }));
  for (const node of program.nodes) {
    const from = node.inputs.map((value) => shapes[value] as Shape);
    const found = node.operation.results(from);
    if (typeof found === "string") {
      const what = `${operationKey(node.operation)} is given ${from.slice(0, 4).map(shapeText).join(", ")}`;
      throw computeError("KERNEL_INPUT_INVALID", { kernel, what, rule: found });
    }
    node.outputs.forEach((value, i) => (shapes[value] = found[i] as Shape));
  }
  return shapes;
}

export function workOf(program: Program, shapes: readonly Shape[]): number {
  return program.nodes.reduce(
    (sum, { operation, inputs }) => sum + operation.work(inputs.map((value) => shapes[value] as Shape)),
    0,
  );
}

/** Runs the nodes one after another on this thread, each by `apply`. */
export function evaluate(
  program: Program,
  tensors: readonly Tensor[],
  apply: (operation: Operation, inputs: readonly Tensor[]) => readonly Tensor[],
): readonly Tensor[] {
  const values: Tensor[] = [...tensors];
  for (const { operation, inputs, outputs } of program.nodes) {
    const found = apply(
      operation,
      inputs.map((value) => values[value] as Tensor),
    );
    outputs.forEach((value, i) => (values[value] = found[i] as Tensor));
  }
  return program.results.map((value) => values[value] as Tensor);
}
