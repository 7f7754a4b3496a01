import { computeError } from "../errors.ts";

/** Row-major 32-bit floats. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

export interface MatmulInputs {
  /** `[m, k]` */
  readonly a: Matrix;
  /** `[k, n]` */
  readonly b: Matrix;
}

export interface TopKInputs {
  /** `[q, d]` */
  readonly queries: Matrix;
  /** `[n, d]` */
  readonly items: Matrix;
}

/** For each query the items of greatest inner product, best first; of equal ones the lower index first. */
export interface TopKOutput {
  /** `[q, k]`, rows of `items`. */
  readonly indices: Int32Array;
  /** `[q, k]` */
  readonly scores: Float32Array;
  readonly rows: number;
  readonly k: number;
}

export type KernelName = "matmul" | "topK";

/** What a backend has to be able to do: everything else is built on the product of two matrices. */
export type MatrixProduct = (inputs: MatmulInputs) => Promise<Matrix>;

/** One computation: how its inputs are checked, and how it is done on a backend's matrix product. */
export interface Kernel<Inputs, Output> {
  readonly name: KernelName;
  /** The matrix product inside it, which decides its size class. @throws KERNEL_INPUT_INVALID */
  readonly product: (inputs: Inputs) => MatmulInputs;
  readonly finish: (product: Matrix, inputs: Inputs) => Output;
}

export const kernel = {
  /** `[m, k] x [k, n]` gives `[m, n]`. */
  matmul: (): Kernel<MatmulInputs, Matrix> => ({
    name: "matmul",
    product: (inputs) => {
      requireMatrix("matmul", "a", inputs.a);
      requireMatrix("matmul", "b", inputs.b);
      requireEqual("matmul", "a.columns", inputs.a.columns, "b.rows", inputs.b.rows);
      return inputs;
    },
    finish: (product) => product,
  }),

  /** Exact nearest items by inner product: no index, every item is scored. */
  topK: (options: { readonly k: number }): Kernel<TopKInputs, TopKOutput> => ({
    name: "topK",
    product: ({ queries, items }) => {
      requireMatrix("topK", "queries", queries);
      requireMatrix("topK", "items", items);
      requireEqual("topK", "queries.columns", queries.columns, "items.columns", items.columns);
      if (!Number.isSafeInteger(options.k) || options.k < 1 || options.k > items.rows) {
        throw invalid("topK", `k is ${options.k}`, `it is a whole number from 1 to the ${items.rows} items`);
      }
      return { a: queries, b: transpose(items) };
    },
    finish: (product) => selectTop(product, options.k),
  }),
} as const;

function selectTop(scores: Matrix, k: number): TopKOutput {
  const { rows, columns, data } = scores;
  const indices = new Int32Array(rows * k);
  const best = new Float32Array(rows * k);
  for (let row = 0; row < rows; row++) {
    const start = row * k;
    let filled = 0;
    for (let column = 0; column < columns; column++) {
      const score = data[row * columns + column] as number;
      if (filled === k && !(score > (best[start + k - 1] as number))) continue;
      let place = filled < k ? filled++ : k - 1;
      while (place > 0 && score > (best[start + place - 1] as number)) {
        best[start + place] = best[start + place - 1] as number;
        indices[start + place] = indices[start + place - 1] as number;
        place--;
      }
      best[start + place] = score;
      indices[start + place] = column;
    }
  }
  return { indices, scores: best, rows, k };
}

function transpose(matrix: Matrix): Matrix {
  const { rows, columns, data } = matrix;
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = data[row * columns + column] as number;
  }
  return { data: turned, rows: columns, columns: rows };
}

function requireMatrix(name: KernelName, what: string, matrix: Matrix): void {
  const { rows, columns, data } = matrix;
  const whole = Number.isSafeInteger(rows) && Number.isSafeInteger(columns) && rows > 0 && columns > 0;
  if (whole && data instanceof Float32Array && data.length === rows * columns) return;
  throw invalid(
    name,
    `${what} has ${rows} rows, ${columns} columns and ${data?.length} values`,
    "a matrix is a Float32Array of rows x columns values, one of each at least",
  );
}

function requireEqual(name: KernelName, first: string, left: number, second: string, right: number): void {
  if (left !== right) throw invalid(name, `${first} is ${left} and ${second} is ${right}`, "they are equal");
}

function invalid(name: KernelName, what: string, rule: string): Error {
  return computeError("KERNEL_INPUT_INVALID", { kernel: name, what, rule });
}
