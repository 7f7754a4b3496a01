/** Values of a tensor: floats, whole numbers of a result, or bins. */
export type TensorData = Float32Array | Float64Array | Int32Array | Uint16Array | Uint8Array;

export interface Shape {
  readonly rows: number;
  readonly columns: number;
}

/** Row-major values of two dimensions; a vector is one row. */
export interface Tensor extends Shape {
  readonly data: TensorData;
}

/** Row-major 32-bit floats. */
export interface Matrix extends Shape {
  readonly data: Float32Array;
}

export function sizeOf(shape: Shape): number {
  return shape.rows * shape.columns;
}

export function emptyMatrix({ rows, columns }: Shape): Matrix {
  return { data: new Float32Array(rows * columns), rows, columns };
}

export function shapeText({ rows, columns }: Shape): string {
  return `[${rows}, ${columns}]`;
}
