import type { ElementType, TypedTensor } from "../infer/tensor.ts";
import { elementCount } from "../infer/tensor.ts";

/**
 * The classification extension: the `count` greatest values of each row, greatest first and NaN last, as strings
 * `value:index` or `value:index:label`. Whole numbers are written digit for digit, others with six decimals.
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
  const isFloat = tensor.type.startsWith("float");
  const data: string[] = [];
  for (let row = 0; row < rows; row++) {
    const values = Array.from({ length: width }, (_, index) => valueOf(tensor.type, tensor.data[row * width + index]));
    const order = values.map((_, index) => index).sort((a, b) => descending(values[a] ?? 0, values[b] ?? 0) || a - b);
    for (const index of order.slice(0, kept)) {
      const value = values[index] ?? 0;
      const label = labels[index];
      const text = isFloat ? Number(value).toFixed(6) : String(value);
      data.push(`${text}:${index}${label === undefined ? "" : `:${label}`}`);
    }
  }
  return { type: "string", shape: batchable ? [rows, kept] : [kept], data };
}

function valueOf(type: ElementType, element: string | number | bigint | undefined): number | bigint {
  if (typeof element === "bigint") return element;
  return type === "float16" ? halfFloat(Number(element)) : Number(element);
}

function descending(a: number | bigint, b: number | bigint): number {
  if (a === b) return 0;
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a > b ? -1 : 1;
}

/** The value of the bits of an IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
