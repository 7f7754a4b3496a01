import { type Program, shapesOf, workOf } from "./program.ts";
import type { Shape, Tensor } from "./tensor.ts";

/** A computation: how its inputs are read and checked, and the program that every backend runs. */
export interface Kernel<Inputs, Output> {
  readonly name: string;
  /** @throws KERNEL_INPUT_INVALID */
  readonly bind: (inputs: Inputs) => BoundKernel<Output>;
}

/** A kernel with its inputs, ready to run. */
export interface BoundKernel<Output> {
  readonly name: string;
  readonly program: Program;
  readonly tensors: readonly Tensor[];
  /** Of every value of the program. */
  readonly shapes: readonly Shape[];
  /** Multiplications, or values touched. */
  readonly work: number;
  readonly finish: (results: readonly Tensor[]) => Output;
}

/** @throws KERNEL_INPUT_INVALID when the shapes do not fit one another */
export function bind<Output>(
  name: string,
  program: Program,
  tensors: readonly Tensor[],
  finish: (results: readonly Tensor[]) => Output,
): BoundKernel<Output> {
  const shapes = shapesOf(name, program, tensors);
  return { name, program, tensors, shapes, work: workOf(program, shapes), finish };
}
