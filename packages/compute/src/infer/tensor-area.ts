import type { ElementType, NumericTensorData, Tensor, TensorData, TypedTensor } from "./tensor.ts";
import { arrayConstructor, elementCount } from "./tensor.ts";

/** Lengths of axes that there is room for, those of all tensors and one more for each of them. */
const lengthSlots = 128;

const alignment = 8;

/** Bytes of memory for so many bytes of tensors. */
export function areaBytes(tensorBytes: number): number {
  return lengthSlots * Float64Array.BYTES_PER_ELEMENT + tensorBytes;
}

/** Memory of two threads in which one writes tensors and the other reads them; whose turn it is they agree elsewhere. */
export class TensorArea {
  readonly #memory: SharedArrayBuffer;
  readonly #lengths: Float64Array<SharedArrayBuffer>;
  /** Where the elements begin. */
  readonly #start: number;

  constructor(memory: SharedArrayBuffer, offset: number) {
    this.#memory = memory;
    this.#lengths = new Float64Array(memory, offset, lengthSlots);
    this.#start = offset + areaBytes(0);
  }

  /** Strings never fit. */
  fits(tensors: readonly Tensor[]): boolean {
    let slots = 0;
    let end = this.#start;
    for (const { data, shape } of tensors) {
      if (!isNumeric(data)) return false;
      slots += 1 + shape.length;
      end = aligned(end) + data.byteLength;
    }
    return slots <= lengthSlots && end <= this.#memory.byteLength;
  }

  /** Copies tensors that {@link fits} into the memory. */
  write(tensors: readonly Tensor[]): void {
    let slot = 0;
    let end = this.#start;
    for (const { data, shape } of tensors) {
      if (!isNumeric(data)) continue;
      this.#lengths[slot++] = shape.length;
      for (const length of shape) this.#lengths[slot++] = length;
      end = aligned(end);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      new Uint8Array(this.#memory, end, data.byteLength).set(bytes);
      end += data.byteLength;
    }
  }

  /** Copies the tensors out, each into what `arrayFor` gives for it. */
  read(
    types: readonly ElementType[],
    arrayFor: (type: ElementType, length: number, index: number) => NumericTensorData,
  ): TypedTensor[] {
    let slot = 0;
    let end = this.#start;
    return types.map((type, index): TypedTensor => {
      const rank = this.#lengths[slot++] ?? 0;
      const shape: number[] = [];
      for (let axis = 0; axis < rank; axis++) shape.push(this.#lengths[slot++] ?? 0);
      const data = arrayFor(type, elementCount(shape), index);
      end = aligned(end);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      bytes.set(new Uint8Array(this.#memory, end, data.byteLength));
      end += data.byteLength;
      return { type, shape, data };
    });
  }
}

/** A new array. Throws a plain `Error` for strings. */
export function newArray(type: ElementType, length: number): NumericTensorData {
  const constructor = arrayConstructor(type);
  if (constructor === null) throw new Error("strings do not lie in shared memory");
  return new constructor(length);
}

/** Memory that is used again for each read, so that nothing may keep what was read before. */
export class ArrayReuse {
  readonly #arrays: NumericTensorData[] = [];

  readonly arrayFor = (type: ElementType, length: number, index: number): NumericTensorData => {
    const known = this.#arrays[index];
    if (known?.length === length && known.constructor === arrayConstructor(type)) return known;
    const array = known === undefined ? newArray(type, length) : resized(known, type, length);
    this.#arrays[index] = array;
    return array;
  };
}

function resized({ buffer }: NumericTensorData, type: ElementType, length: number): NumericTensorData {
  const constructor = arrayConstructor(type);
  const fits = constructor !== null && length * constructor.BYTES_PER_ELEMENT <= buffer.byteLength;
  return fits ? new constructor(buffer as ArrayBuffer, 0, length) : newArray(type, length);
}

function isNumeric(data: TensorData): data is NumericTensorData {
  return ArrayBuffer.isView(data);
}

function aligned(offset: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
