import { floatTensor, onnxNode } from "../../onnx/build.ts";
import { castNode, type GpuForm, type GpuStage, type OnnxForm, type OnnxNames, type Operation } from "../operation.ts";
import type { Shape, Tensor } from "../tensor.ts";

/**
 * Sums of gradients and of hessians in each bin of each column: what boosted trees look for their splits in. Inputs are
 * gradients, hessians, then the columns of bins, each of one row; the two results are `[columns, bins]` in float64.
 * A graphics device adds in float32, and looks through all rows for each bin, having no memory that cells may share.
 */
export function histogram(bins: number): Operation {
  const results = (inputs: readonly Shape[]): readonly Shape[] => {
    const shape = { rows: inputs.length - 2, columns: bins };
    return [shape, shape];
  };
  return {
    name: "histogram",
    parameters: { bins },
    results: (inputs) => {
      const [first] = inputs;
      if (first === undefined || inputs.length < 3) return "it takes gradients, hessians and one column at least";
      if (inputs.some(({ rows, columns }) => rows !== 1 || columns !== first.columns)) {
        return `gradients, hessians and columns are equally long, ${first.columns} values`;
      }
      return results(inputs);
    },
    work: (inputs) => (inputs.length - 2) * (inputs[0]?.columns ?? 0),
    reference: ([gradients, hessians, ...columns]) =>
      sums((gradients as Tensor).data, (hessians as Tensor).data, columns, bins),
    gpu: (inputs) => gpuForm(inputs, bins),
    onnx: (names) => onnxForm(names, bins),
  };
}

function sums(
  gradients: Tensor["data"],
  hessians: Tensor["data"],
  columns: readonly Tensor[],
  bins: number,
): readonly [Tensor, Tensor] {
  const outGradients = new Float64Array(columns.length * bins);
  const outHessians = new Float64Array(columns.length * bins);
  const cells = new Float64Array(2 * bins);
  columns.forEach(({ data }, column) => {
    cells.fill(0);
    for (let row = 0; row < data.length; row++) {
      const at = 2 * (data[row] as number);
      cells[at] = (cells[at] as number) + (gradients[row] as number);
      cells[at + 1] = (cells[at + 1] as number) + (hessians[row] as number);
    }
    for (let bin = 0; bin < bins; bin++) {
      outGradients[column * bins + bin] = cells[2 * bin] as number;
      outHessians[column * bins + bin] = cells[2 * bin + 1] as number;
    }
  });
  const shape = { rows: columns.length, columns: bins };
  return [
    { data: outGradients, ...shape },
    { data: outHessians, ...shape },
  ];
}

const binSum = `function (column, values) {
  let sum = 0;
  for (let i = 0; i < this.constants.count; i++) {
    if (column[0][i] === this.thread.x) { sum += values[0][i]; }
  }
  return sum;
}`;

function gpuForm(inputs: readonly Shape[], bins: number): GpuForm {
  const count = inputs[0]?.columns ?? 0;
  const columns = inputs.length - 2;
  const stage = (column: number, values: number): GpuStage => ({
    source: binSum,
    inputs: [2 + column, values],
    constants: { count },
    output: { rows: 1, columns: bins },
    steps: count,
  });
  const numbers = Array.from({ length: columns }, (_, column) => column);
  return {
    stages: [...numbers.map((column) => stage(column, 0)), ...numbers.map((column) => stage(column, 1))],
    results: [numbers, numbers.map((column) => columns + column)],
  };
}

/** A scatter that adds, in float64, column by column. */
function onnxForm({ inputs, outputs, fresh }: OnnxNames, bins: number): OnnxForm {
  const [gradients = "", hessians = "", ...columns] = inputs;
  const [gradient = "", hessian = "", zeros = "", empty = ""] = ["gradient", "hessian", "zeros", "empty"].map(fresh);
  const nodes = [
    castNode(gradients, gradient, "float64"),
    castNode(hessians, hessian, "float64"),
    castNode(zeros, empty, "float64"),
  ];
  const sums: [string[], string[]] = [[], []];
  for (const column of columns) {
    const index = fresh("index");
    nodes.push(castNode(column, index, "int64"));
    [gradient, hessian].forEach((values, i) => {
      const sum = fresh("sum");
      const add = { axis: { int: 1 }, reduction: { string: "add" } };
      nodes.push(onnxNode("ScatterElements", [empty, index, values], [sum], add));
      sums[i]?.push(sum);
    });
  }
  outputs.forEach((output, i) => nodes.push(onnxNode("Concat", sums[i] ?? [], [output], { axis: { int: 0 } })));
  return { nodes, initializers: [floatTensor(zeros, [1, bins], new Float32Array(bins))] };
}
