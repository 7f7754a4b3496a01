import { dimensionsOf, type Value, type ValueType } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";

/** Layout id and stamp: what every vector begins with. */
export const headerBytes = 32;

/** Where the features of a vector lie. */
export interface VectorShape {
  /** 8 bytes. */
  readonly id: Uint8Array;
  readonly types: readonly ValueType[];
  readonly offsets: readonly number[];
  /** Bytes before the strings. */
  readonly fixed: number;
}

/** Where the doubles of some features go: for each its column, its place in the layout and its offset in a vector. */
export type DoublePlaces = Int32Array;

/** A place to read vectors of one layout at, one after another: each is copied there, and one view reads them all. */
export class VectorReader {
  readonly #shape: VectorShape;
  readonly #idHigh: number;
  readonly #idLow: number;
  #bytes = new Uint8Array(512);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  constructor(shape: VectorShape) {
    const id = new DataView(shape.id.buffer, shape.id.byteOffset, shape.id.length);
    this.#shape = shape;
    this.#idHigh = id.getUint32(0);
    this.#idLow = id.getUint32(4);
  }

  /** Moves on to another vector. @throws VECTOR_CORRUPT */
  open(vector: Uint8Array): void {
    const { length } = vector;
    if (length < this.#shape.fixed) throw corrupt(`it has ${length} bytes and needs ${this.#shape.fixed}`);
    if (length > this.#bytes.length) {
      this.#bytes = new Uint8Array(2 * length);
      this.#view = new DataView(this.#bytes.buffer);
    }
    this.#bytes.set(vector);
    this.#length = length;
    if (this.#view.getUint32(0) !== this.#idHigh || this.#view.getUint32(4) !== this.#idLow) {
      throw corrupt("it was written with another layout");
    }
  }

  /** The event time in epoch milliseconds, with the microseconds as fraction. */
  eventMs(): number {
    return this.#millisecondsAt(8);
  }

  /** The known time in epoch milliseconds. */
  knownMs(): number {
    return this.#millisecondsAt(16);
  }

  /** The as-of time in epoch milliseconds. */
  asOfMs(): number {
    return this.#millisecondsAt(24);
  }

  #millisecondsAt(at: number): number {
    return ((this.#view.getUint32(at) - 0x80000000) * 0x100000000 + this.#view.getUint32(at + 4)) / 1000;
  }

  /** @param i the place of the feature in the layout */
  value(i: number): Value | null {
    if (((this.#bytes[headerBytes + (i >> 3)] as number) & (1 << (i & 7))) === 0) return null;
    const offset = this.#shape.offsets[i] as number;
    switch (this.#shape.types[i] as ValueType) {
      case "float64":
        return this.#view.getFloat64(offset, true);
      case "int32":
        return this.#view.getInt32(offset, true);
      case "int64":
      case "timestamp":
        return this.#view.getBigInt64(offset, true);
      case "boolean":
        return this.#bytes[offset] === 1;
      case "string":
        return this.#string(offset);
      default:
        return this.#numbers(offset, dimensionsOf(this.#shape.types[i] as ValueType) ?? 0);
    }
  }

  #numbers(offset: number, count: number): Float32Array {
    const numbers = new Float32Array(count);
    for (let i = 0; i < count; i++) numbers[i] = this.#view.getFloat32(offset + 4 * i, true);
    return numbers;
  }

  /** Copies the numbers of a vector feature. @returns false, with nothing copied, when it is null */
  numbersInto(i: number, into: Float32Array): boolean {
    if (((this.#bytes[headerBytes + (i >> 3)] as number) & (1 << (i & 7))) === 0) return false;
    const offset = this.#shape.offsets[i] as number;
    if (littleEndian) {
      const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
      bytes.set(this.#bytes.subarray(offset, offset + into.byteLength));
    } else for (let n = 0; n < into.length; n++) into[n] = this.#view.getFloat32(offset + 4 * n, true);
    return true;
  }

  /** Where the doubles among some features lie, to {@link doubles}. */
  doublePlaces(slots: readonly number[]): DoublePlaces {
    const { types, offsets } = this.#shape;
    return Int32Array.from(
      slots.flatMap((slot, i) => (types[slot] === "float64" ? [i, slot, offsets[slot] as number] : [])),
    );
  }

  /**
   * Puts the doubles of the vector into `row` of their columns, of `rows` each, which lie in `values` one after another; a null is
   * NaN, and its status `none`.
   */
  doubles(
    places: DoublePlaces,
    row: number,
    rows: number,
    values: Float64Array,
    statuses: Uint8Array,
    none: number,
  ): void {
    const view = this.#view;
    const bytes = this.#bytes;
    for (let at = 0; at < places.length; at += 3) {
      const slot = places[at + 1] as number;
      const into = (places[at] as number) * rows + row;
      if (((bytes[headerBytes + (slot >> 3)] as number) & (1 << (slot & 7))) !== 0) {
        values[into] = view.getFloat64(places[at + 2] as number, true);
      } else {
        values[into] = NaN;
        statuses[into] = none;
      }
    }
  }

  #string(offset: number): string {
    const start = this.#view.getUint32(offset, true);
    const end = start + this.#view.getUint32(offset + 4, true);
    if (end > this.#length) throw corrupt(`a string ends at byte ${end} of ${this.#length}`);
    return Buffer.from(this.#bytes.buffer, 0, this.#length).toString("utf8", start, end);
  }
}

const corrupt = (reason: string): Error => featureStoreError("VECTOR_CORRUPT", { reason });

/** Whether numbers lie in memory as they lie in vectors. */
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
