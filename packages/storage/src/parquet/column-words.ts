import { type ColumnType, decimalOf } from "./column-type.ts";
import type { Column } from "./column.ts";

/** Words of 32 bits in which a value of a type stands in a file, the lowest first: 1, 2 or 4. */
export function wordsOfType(type: ColumnType): 1 | 2 | 4 {
  const decimal = decimalOf(type);
  if (decimal !== undefined) return decimal.precision <= 9 ? 1 : decimal.precision <= 18 ? 2 : 4;
  return type === "long" || type === "double" || type === "timestamp" || type === "timestamp_ntz" ? 2 : 1;
}

/** The values of a fixed-width column; row `i` begins at word `i * stride`. What stands at a null is arbitrary. */
export interface ColumnWords {
  readonly words: Int32Array;
  readonly stride: number;
}

export function wordsOfColumn(column: Column): ColumnWords {
  const { codes, data, numbers, type } = column;
  if (codes !== undefined) return layOut(column);
  if (decimalOf(type) !== undefined) return { words: asWords(data.values as Uint32Array), stride: 4 };
  if (numbers === undefined) return layOut(column);
  if (numbers.BYTES_PER_ELEMENT >= 4) return { words: asWords(numbers), stride: numbers.BYTES_PER_ELEMENT / 4 };
  return { words: Int32Array.from(numbers as Int16Array), stride: 1 };
}

const asWords = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Int32Array =>
  new Int32Array(buffer, byteOffset, byteLength / 4);

/** One by one: for columns whose values do not stand side by side. */
function layOut({ type, length, get }: Column): ColumnWords {
  const stride = wordsOfType(type);
  const view = new DataView(new ArrayBuffer(length * stride * 4));
  for (let row = 0; row < length; row++) {
    const value = get(row);
    const at = row * stride * 4;
    if (typeof value === "bigint") {
      for (let word = 0; word < stride; word++) {
        view.setInt32(at + word * 4, Number(BigInt.asIntN(32, value >> BigInt(word * 32))), true);
      }
    } else if (type === "float") view.setFloat32(at, Number(value), true);
    else if (type === "double") view.setFloat64(at, Number(value), true);
    else view.setInt32(at, Number(value), true);
  }
  return { words: new Int32Array(view.buffer), stride };
}
