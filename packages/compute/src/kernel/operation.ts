import { onnxNode } from "../onnx/build.ts";
import { elementTypeCodes, type OnnxElementType, type OnnxNode, type OnnxTensor } from "../onnx/model.ts";
import type { Shape, Tensor } from "./tensor.ts";

/**
 * One step of a kernel, written once: its meaning in plain typed arrays, and the same for gpu.js and as ONNX nodes where
 * such a form exists. Every value has two dimensions. Shapes have been checked when a form is asked for, and none has
 * a zero among them.
 */
export interface Operation {
  /** Such as `matmul`. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  /**
   * The shapes of the results, or the rule that the inputs break.
   *
   * @param inputs a sentence such as "a.columns is 3 and b.rows is 2, but they are equal" comes back as a string
   */
  readonly results: (inputs: readonly Shape[]) => readonly Shape[] | string;
  /** Multiplications, or values touched: what the time grows with. */
  readonly work: (inputs: readonly Shape[]) => number;
  readonly reference: (inputs: readonly Tensor[]) => readonly Tensor[];
  /** True when its forms on matrix products cancel large values: small results are exact only to a share of the inputs. */
  readonly coarse?: boolean;
  readonly gpu?: (inputs: readonly Shape[]) => GpuForm;
  readonly onnx?: (names: OnnxNames) => OnnxForm;
}

export interface GpuForm {
  readonly stages: readonly GpuStage[];
  /** For each result the stages whose outputs are its rows, one below the other. @default the last stage */
  readonly results?: readonly (readonly number[])[];
}

/** One gpu.js kernel: a function of the text `source` that is called for each cell of the output. */
export interface GpuStage {
  readonly source: string;
  /** Numbers below the count of the operation's inputs are those; later ones are earlier stages. */
  readonly inputs: readonly number[];
  /** Read as `this.constants`. */
  readonly constants: Readonly<Record<string, number>>;
  readonly output: Shape;
  /** Steps of the loop in each cell. */
  readonly steps: number;
}

export interface OnnxNames {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** A name for something in between that is used nowhere else. */
  readonly fresh: (hint: string) => string;
}

export interface OnnxForm {
  readonly nodes: readonly OnnxNode[];
  readonly initializers?: readonly OnnxTensor[];
  /**
   * Values of which one is not finite when the inputs hold NaN or infinities that these nodes would treat in another way
   * than the reference.
   */
  readonly guards?: readonly string[];
}

/** Same key, same computation. */
export function operationKey({ name, parameters }: Operation): string {
  const entries = Object.entries(parameters).map(([key, value]) => `${key}=${value}`);
  return entries.length === 0 ? name : `${name}(${entries.join(",")})`;
}

export function castNode(from: string, to: string, type: OnnxElementType): OnnxNode {
  return onnxNode("Cast", [from], [to], { to: { int: elementTypeCodes[type] } });
}
