import { floatTensor, onnxNode } from "../../onnx/build.ts";
import { castNode, type Operation } from "../operation.ts";
import { emptyMatrix, shapeText, sizeOf, type Matrix, type Shape, type Tensor } from "../tensor.ts";

/** `(x - mean) / deviation` of each column, from one row of means and one of deviations. A deviation of 0 counts as 1. */
export const standardise: Operation = {
  name: "standardise",
  parameters: {},
  results: ([values, mean, deviation]) => {
    if (values === undefined || mean === undefined || deviation === undefined) return "it takes three matrices";
    const row = shapeText({ rows: 1, columns: values.columns });
    const fits = (shape: Shape): boolean => shapeText(shape) === row;
    return fits(mean) && fits(deviation) ? [values] : `mean and deviation are ${row}`;
  },
  work: ([values]) => 2 * sizeOf(values as Shape),
  reference: ([values, mean, deviation]) => [scaled(values as Tensor, mean as Tensor, deviation as Tensor)],
  gpu: ([values]) => ({
    stages: [
      {
        source: `function (a, mean, deviation) {
  let scale = deviation[0][this.thread.x];
  if (scale === 0) { scale = 1; }
  return (a[this.thread.y][this.thread.x] - mean[0][this.thread.x]) / scale;
}`,
        inputs: [0, 1, 2],
        constants: {},
        output: values as Shape,
        steps: 1,
      },
    ],
  }),
  onnx: ({ inputs: [values = "", mean = "", deviation = ""], outputs, fresh }) => {
    const [zero = "", one = "", constant = "", scale = "", centred = ""] = [
      "zero",
      "one",
      "constant",
      "scale",
      "centred",
    ].map(fresh);
    return {
      nodes: [
        onnxNode("Equal", [deviation, zero], [constant]),
        onnxNode("Where", [constant, one, deviation], [scale]),
        onnxNode("Sub", [values, mean], [centred]),
        onnxNode("Div", [centred, scale], outputs),
      ],
      initializers: [floatTensor(zero, [1], [0]), floatTensor(one, [1], [1])],
    };
  },
};

function scaled({ data, rows, columns }: Tensor, mean: Tensor, deviation: Tensor): Matrix {
  const out = emptyMatrix({ rows, columns });
  const scale = Float64Array.from(deviation.data, (value) => (value === 0 ? 1 : value));
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      out.data[at] = ((data[at] as number) - (mean.data[column] as number)) / (scale[column] as number);
    }
  }
  return out;
}

/** Standard deviation of the population of each column, given its mean. */
export const deviation: Operation = {
  name: "deviation",
  parameters: {},
  results: ([values, mean]) => {
    if (values === undefined || mean === undefined) return "it takes two matrices";
    return mean.rows === 1 && mean.columns === values.columns
      ? [mean]
      : `mean is ${shapeText({ rows: 1, columns: values.columns })}`;
  },
  work: ([values]) => 2 * sizeOf(values as Shape),
  reference: ([values, mean]) => [deviations(values as Tensor, mean as Tensor)],
  gpu: ([values, mean]) => ({
    stages: [
      {
        source: `function (a, mean) {
  let sum = 0;
  for (let i = 0; i < this.constants.count; i++) {
    const d = a[i][this.thread.x] - mean[0][this.thread.x];
    sum += d * d;
  }
  return Math.sqrt(sum / this.constants.count);
}`,
        inputs: [0, 1],
        constants: { count: (values as Shape).rows },
        output: mean as Shape,
        steps: (values as Shape).rows,
      },
    ],
  }),
  onnx: ({ inputs: [values = "", mean = ""], outputs, fresh }) => {
    const hints = ["wide", "middle", "centred", "squared", "variance", "root"];
    const [wide = "", middle = "", centred = "", squared = "", variance = "", root = ""] = hints.map(fresh);
    const over = { axes: { ints: [0] }, keepdims: { int: 1 } };
    // In float64, as the reference: squares leave the range of float32 long before values do.
    return {
      nodes: [
        castNode(values, wide, "float64"),
        castNode(mean, middle, "float64"),
        onnxNode("Sub", [wide, middle], [centred]),
        onnxNode("Mul", [centred, centred], [squared]),
        onnxNode("ReduceMean", [squared], [variance], over),
        onnxNode("Sqrt", [variance], [root]),
        castNode(root, outputs[0] ?? "", "float32"),
      ],
    };
  },
};

function deviations({ data, rows, columns }: Tensor, mean: Tensor): Matrix {
  const sums = new Float64Array(columns);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const centred = (data[at] as number) - (mean.data[column] as number);
      sums[column] = (sums[column] as number) + centred * centred;
    }
  }
  return { data: Float32Array.from(sums, (sum) => Math.sqrt(sum / rows)), rows: 1, columns };
}
