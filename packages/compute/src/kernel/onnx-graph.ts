import { onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import type { OnnxElementType, OnnxModel, OnnxNode, OnnxTensor, OnnxTensorInfo } from "../onnx/model.ts";
import type { Program } from "./program.ts";
import type { TensorData } from "./tensor.ts";

export function elementTypeOf(data: TensorData): OnnxElementType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof Int32Array) return "int32";
  return data instanceof Uint8Array ? "uint8" : "uint16";
}

/** The types of an operation's results, where they are not float32. */
const resultTypes: Readonly<Record<string, readonly OnnxElementType[]>> = {
  argmax: ["int32"],
  top: ["int32", "float32"],
  histogram: ["float64", "float64"],
};

/** The program as a graph for any shapes. Values are named `v` and their number, guards `guard` and a number. */
export function programGraph(program: Program, inputTypes: readonly OnnxElementType[]): OnnxModel {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const guards: OnnxTensorInfo[] = [];
  const types: OnnxElementType[] = [...inputTypes];
  let names = 0;
  for (const { operation, inputs, outputs } of program.nodes) {
    const form = operation.onnx?.({
      inputs: inputs.map((value) => `v${value}`),
      outputs: outputs.map((value) => `v${value}`),
      fresh: (hint) => `${hint}_${names++}`,
    });
    nodes.push(...(form?.nodes ?? []));
    initializers.push(...(form?.initializers ?? []));
    for (const guard of form?.guards ?? []) {
      const name = `guard${guards.length}`;
      nodes.push(onnxNode("Identity", [guard], [name]));
      guards.push(tensorInfo(name, "float32", [`${name}_rows`, `${name}_columns`]));
    }
    outputs.forEach((value, i) => (types[value] = resultTypes[operation.name]?.[i] ?? "float32"));
  }
  const info = (value: number): OnnxTensorInfo =>
    tensorInfo(`v${value}`, types[value] ?? "float32", [`rows${value}`, `columns${value}`]);
  return onnxModel({
    name: "kernel",
    nodes,
    initializers,
    inputs: program.inputs.map((_, i) => info(i)),
    outputs: [...program.results.map(info), ...guards],
  });
}
