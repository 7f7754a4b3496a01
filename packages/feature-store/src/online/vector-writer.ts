import type { Value, ValueType } from "../define/value-type.ts";
import type { ColumnData } from "../offline/column-data.ts";
import { headerBytes, type VectorShape } from "./vector-reader.ts";

/** Where the values of one feature are read from. */
export interface VectorSource {
  readonly data: ColumnData;
  readonly read: (row: number) => Value | null;
}

/**
 * A place to pack rows of columns at, one after another: what {@link VectorLayout.pack} makes of their values, without an
 * object for each.
 */
export class VectorWriter {
  /** The vector written last, from the first byte on, until the next is written. */
  bytes: Buffer;
  readonly #shape: VectorShape;
  readonly #sources: readonly VectorSource[];
  readonly #doubles: readonly (Float64Array | undefined)[];
  #view: DataView;

  /**
   * @param sources one for each feature of the layout, in order
   * @param asOf the as-of time of every vector, epoch microseconds
   */
  constructor(shape: VectorShape, sources: readonly VectorSource[], asOf: number) {
    this.#shape = shape;
    this.#sources = sources;
    this.#doubles = sources.map(({ data }, i) =>
      shape.types[i] === "float64" && data.kind === "number" ? data.values : undefined,
    );
    this.bytes = Buffer.alloc(Math.max(512, 2 * shape.fixed));
    this.#view = viewOf(this.bytes);
    this.bytes.set(shape.id);
    writeTime(this.#view, 24, asOf);
  }

  /**
   * @param event epoch microseconds
   * @param known epoch microseconds
   * @returns how many bytes it has
   * @throws VALUE_OUT_OF_RANGE
   */
  write(row: number, event: number, known: number): number {
    const { fixed, offsets, types } = this.#shape;
    this.bytes.fill(0, headerBytes, fixed);
    writeTime(this.#view, 8, event);
    writeTime(this.#view, 16, known);
    let end = fixed;
    for (let i = 0; i < offsets.length; i++) {
      const { data, read } = this.#sources[i] as VectorSource;
      const offset = offsets[i] as number;
      const doubles = this.#doubles[i];
      if (doubles !== undefined) {
        if (data.valid?.[row] === 0) continue;
        this.#view.setFloat64(offset, doubles[row] as number, true);
      } else {
        const value = read(row);
        if (value === null) continue;
        if (typeof value === "string") end += this.#string(offset, end, value);
        else writeSlot(this.#view, types[i] as ValueType, offset, value);
      }
      const bit = headerBytes + (i >> 3);
      this.bytes[bit] = (this.bytes[bit] as number) | (1 << (i & 7));
    }
    return end;
  }

  #string(offset: number, at: number, value: string): number {
    const length = Buffer.byteLength(value);
    if (at + length > this.bytes.length) {
      const larger = Buffer.alloc(2 * (at + length));
      larger.set(this.bytes);
      this.bytes = larger;
      this.#view = viewOf(larger);
    }
    this.bytes.write(value, at);
    this.#view.setUint32(offset, at, true);
    this.#view.setUint32(offset + 4, length, true);
    return length;
  }
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const signBit = 1n << 63n;

/** Big endian with the sign bit turned, so that bytes compare as times do. */
export function writeTime(view: DataView, at: number, time: bigint | number): void {
  if (typeof time === "bigint") {
    view.setBigUint64(at, BigInt.asUintN(64, time ^ signBit));
    return;
  }
  const high = Math.floor(time / 0x100000000);
  view.setUint32(at, high + 0x80000000);
  view.setUint32(at + 4, time - high * 0x100000000);
}

/** The time that {@link writeTime} wrote. */
export const readTime = (view: DataView, at: number): bigint => BigInt.asIntN(64, view.getBigUint64(at) ^ signBit);

/** A value of fixed size into its slot, little endian. */
export function writeSlot(view: DataView, type: ValueType, offset: number, value: Exclude<Value, string>): void {
  if (value instanceof Float32Array) {
    for (let i = 0; i < value.length; i++) view.setFloat32(offset + 4 * i, value[i] as number, true);
  } else if (typeof value === "bigint") view.setBigInt64(offset, value, true);
  else if (type === "float64") view.setFloat64(offset, value as number, true);
  else if (type === "int32") view.setInt32(offset, value as number, true);
  else view.setUint8(offset, value === true ? 1 : 0);
}
