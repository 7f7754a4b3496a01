import { createHash } from "node:crypto";
import type { Features } from "../define/feature-view.ts";
import { dimensionsOf, type ScalarType, type Value, type ValueType } from "../define/value-type.ts";
import { headerBytes, VectorReader } from "./vector-reader.ts";

/** When a vector's values are from, in epoch microseconds. */
export interface Stamp {
  /** The event time of the last row seen. */
  readonly event: bigint;
  /** When that row became known; its event time in a view without `knownAt`. */
  readonly known: bigint;
  /** The moment windows were computed for. */
  readonly asOf: bigint;
}

const slotBytes: Readonly<Record<ScalarType, number>> = {
  float64: 8,
  int64: 8,
  timestamp: 8,
  string: 8,
  int32: 4,
  boolean: 1,
};

const signBit = 1n << 63n;

/**
 * How the features of a view lie in one vector: layout id (8 bytes), then event, known and as-of time (8 bytes each, big
 * endian with the sign bit turned, so that the 24 bytes compare as the times do), a bit per feature that is set when it
 * has a value, the fixed slots (little endian; a vector's numbers lie in its slot), and the strings, to which their slots
 * point by offset and length.
 */
export class VectorLayout {
  /** The first 8 bytes of the SHA-256 of names and types: a vector of another layout is not misread. */
  readonly id: Uint8Array;
  readonly names: readonly string[];
  readonly types: readonly ValueType[];
  readonly #offsets: readonly number[];
  readonly #fixed: number;

  constructor(features: Features) {
    this.names = Object.keys(features);
    this.types = Object.values(features).map((feature) => feature.type);
    const shape = JSON.stringify(this.names.map((name, i) => [name, this.types[i]]));
    this.id = createHash("sha256").update(shape).digest().subarray(0, 8);
    let at = headerBytes + Math.ceil(this.names.length / 8);
    this.#offsets = this.types.map((type) => {
      const offset = at;
      at += slotBytes[type as ScalarType] ?? 4 * (dimensionsOf(type) ?? 0);
      return offset;
    });
    this.#fixed = at;
  }

  /**
   * @param values one per name, in order
   * @param times epoch microseconds; a number where it is a whole one
   */
  pack(values: readonly (Value | null)[], times: Readonly<Record<keyof Stamp, bigint | number>>): Uint8Array {
    let end = this.#fixed;
    const strings: (Buffer | undefined)[] = [];
    values.forEach((value, i) => {
      if (typeof value !== "string") return;
      strings[i] = Buffer.from(value);
      end += strings[i].length;
    });
    const bytes = Buffer.allocUnsafe(end).fill(0, 0, this.#fixed);
    bytes.set(this.id);
    writeTime(bytes, 8, times.event);
    writeTime(bytes, 16, times.known);
    writeTime(bytes, 24, times.asOf);
    end = this.#fixed;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as Value | null;
      if (value === null) continue;
      const bit = headerBytes + (i >> 3);
      bytes[bit] = (bytes[bit] as number) | (1 << (i & 7));
      const offset = this.#offsets[i] as number;
      const string = strings[i];
      if (string === undefined) {
        writeSlot(bytes, this.types[i] as ValueType, offset, value);
        continue;
      }
      bytes.writeUInt32LE(end, offset);
      bytes.writeUInt32LE(string.length, offset + 4);
      string.copy(bytes, end);
      end += string.length;
    }
    return bytes;
  }

  /** @throws VECTOR_CORRUPT when the bytes are of another layout or too short */
  unpack(vector: Uint8Array): PackedVector {
    const reader = this.reader();
    reader.open(vector);
    const view = new DataView(vector.buffer, vector.byteOffset, vector.length);
    const stampTime = (at: number): bigint => BigInt.asIntN(64, view.getBigUint64(at) ^ signBit);
    return {
      event: stampTime(8),
      known: stampTime(16),
      asOf: stampTime(24),
      get: (name) => reader.value(this.names.indexOf(name)),
    };
  }

  /** Reads one vector after another: no object is made for each. */
  reader(): VectorReader {
    return new VectorReader({ id: this.id, types: this.types, offsets: this.#offsets, fixed: this.#fixed });
  }
}

export interface PackedVector extends Stamp {
  get(name: string): Value | null;
}

const layouts = new WeakMap<Features, VectorLayout>();

/** The layout of a view's features, made once. */
export function layoutOf(features: Features): VectorLayout {
  const kept = layouts.get(features) ?? new VectorLayout(features);
  layouts.set(features, kept);
  return kept;
}

/** Big endian with the sign bit turned. */
function writeTime(bytes: Buffer, at: number, time: bigint | number): void {
  if (typeof time === "bigint") {
    bytes.writeBigUInt64BE(BigInt.asUintN(64, time ^ signBit), at);
    return;
  }
  const high = Math.floor(time / 0x100000000);
  bytes.writeUInt32BE(high + 0x80000000, at);
  bytes.writeUInt32BE(time - high * 0x100000000, at + 4);
}

function writeSlot(bytes: Buffer, type: ValueType, offset: number, value: Value): void {
  if (value instanceof Float32Array) value.forEach((number, i) => bytes.writeFloatLE(number, offset + 4 * i));
  else if (typeof value === "bigint") bytes.writeBigInt64LE(value, offset);
  else if (type === "float64") bytes.writeDoubleLE(value as number, offset);
  else if (type === "int32") bytes.writeInt32LE(value as number, offset);
  else bytes[offset] = value === true ? 1 : 0;
}
