import type { TypedTensor } from "../infer/tensor.ts";
import { elementCount } from "../infer/tensor.ts";

/**
 * The classification extension: the `count` greatest values of each row, greatest first, as strings
 * `value:index` or `value:index:label`.
 */
export function classify(
  tensor: TypedTensor,
  count: number,
  labels: readonly string[],
  batchable: boolean,
): TypedTensor {
  const rows = batchable ? (tensor.shape[0] ?? 1) : 1;
  const width = batchable ? elementCount(tensor.shape.slice(1)) : tensor.data.length;
  const kept = Math.min(count, width);
  const data: string[] = [];
  for (let row = 0; row < rows; row++) {
    const values = Array.from({ length: width }, (_, index) => Number(tensor.data[row * width + index]));
    const order = values.map((_, index) => index).sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
    for (const index of order.slice(0, kept)) {
      const label = labels[index];
      data.push(`${values[index]?.toFixed(6)}:${index}${label === undefined ? "" : `:${label}`}`);
    }
  }
  return { type: "string", shape: batchable ? [rows, kept] : [kept], data };
}
