import { onnxNode } from "../../onnx/build.ts";
import type { Operation } from "../operation.ts";
import { emptyMatrix, type Matrix, type Shape, type Tensor } from "../tensor.ts";

const rowMaximum = `function (a) {
  let most = a[this.thread.y][0];
  for (let i = 1; i < this.constants.count; i++) {
    if (a[this.thread.y][i] > most) { most = a[this.thread.y][i]; }
  }
  return most;
}`;

const exponential = `function (a, most) {
  return Math.exp(a[this.thread.y][this.thread.x] - most[this.thread.y][0]);
}`;

const rowSum = `function (a) {
  let sum = 0;
  for (let i = 0; i < this.constants.count; i++) { sum += a[this.thread.y][i]; }
  return sum;
}`;

const share = `function (a, sum) {
  return a[this.thread.y][this.thread.x] / sum[this.thread.y][0];
}`;

/** `exp(x - max) / sum` over each row. A row with a NaN or +Infinity, or of -Infinity only, is NaN throughout. */
export const softmax: Operation = {
  name: "softmax",
  parameters: {},
  results: ([shape]) => (shape === undefined ? "it takes one matrix" : [shape]),
  work: ([shape]) => 8 * (shape?.rows ?? 0) * (shape?.columns ?? 0),
  reference: ([values]) => [softmaxRows(values as Tensor)],
  gpu: ([shape]) => {
    const whole = shape as Shape;
    const line = { rows: whole.rows, columns: 1 };
    const constants = { count: whole.columns };
    const stages = [
      { source: rowMaximum, inputs: [0], constants, output: line, steps: whole.columns },
      { source: exponential, inputs: [0, 1], constants: {}, output: whole, steps: 1 },
      { source: rowSum, inputs: [2], constants, output: line, steps: whole.columns },
      { source: share, inputs: [2, 3], constants: {}, output: whole, steps: 1 },
    ];
    return { stages };
  },
  onnx: ({ inputs, outputs }) => ({ nodes: [onnxNode("Softmax", inputs, outputs, { axis: { int: 1 } })] }),
};

function softmaxRows({ data, rows, columns }: Tensor): Matrix {
  const out = emptyMatrix({ rows, columns });
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    const end = start + columns;
    let most = Number.NEGATIVE_INFINITY;
    for (let i = start; i < end; i++) if ((data[i] as number) > most) most = data[i] as number;
    let sum = 0;
    for (let i = start; i < end; i++) sum += out.data[i] = Math.exp((data[i] as number) - most);
    for (let i = start; i < end; i++) out.data[i] = (out.data[i] as number) / sum;
  }
  return out;
}
