import { createHash } from "node:crypto";
import type { Features } from "../define/feature-view.ts";
import type { Value, ValueType } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";

/** When a vector's values are from, in epoch microseconds. */
export interface Stamp {
  /** The event time of the last row seen. */
  readonly event: bigint;
  /** When that row became known; its event time in a view without `knownAt`. */
  readonly known: bigint;
  /** The moment windows were computed for. */
  readonly asOf: bigint;
}

const slotBytes: Readonly<Record<ValueType, number>> = {
  float64: 8,
  int64: 8,
  timestamp: 8,
  string: 8,
  int32: 4,
  boolean: 1,
};

/** Layout id and stamp: what every vector begins with. */
export const headerBytes = 32;
const signBit = 1n << 63n;

/**
 * How the features of a view lie in one vector: layout id (8 bytes), then event, known and as-of time (8 bytes each, big
 * endian with the sign bit turned, so that the 24 bytes compare as the times do), a bit per feature that is set when it
 * has a value, the fixed slots (little endian), and the strings, to which their slots point by offset and length.
 */
export class VectorLayout {
  /** The first 8 bytes of the SHA-256 of names and types: a vector of another layout is not misread. */
  readonly id: Uint8Array;
  readonly names: readonly string[];
  readonly #types: readonly ValueType[];
  readonly #offsets: readonly number[];
  readonly #fixed: number;

  constructor(features: Features) {
    this.names = Object.keys(features);
    this.#types = Object.values(features).map((feature) => feature.type);
    const shape = JSON.stringify(this.names.map((name, i) => [name, this.#types[i]]));
    this.id = createHash("sha256").update(shape).digest().subarray(0, 8);
    let at = headerBytes + Math.ceil(this.names.length / 8);
    this.#offsets = this.#types.map((type) => {
      const offset = at;
      at += slotBytes[type];
      return offset;
    });
    this.#fixed = at;
  }

  /** @param values one per name, in order */
  pack(values: readonly (Value | null)[], { event, known, asOf }: Stamp): Uint8Array {
    const strings = values.map((value) => (typeof value === "string" ? Buffer.from(value) : undefined));
    const bytes = Buffer.alloc(this.#fixed + strings.reduce((sum, string) => sum + (string?.length ?? 0), 0));
    bytes.set(this.id);
    [event, known, asOf].forEach((time, i) => bytes.writeBigUInt64BE(BigInt.asUintN(64, time ^ signBit), 8 + 8 * i));
    let end = this.#fixed;
    values.forEach((value, i) => {
      if (value === null) return;
      const bit = headerBytes + (i >> 3);
      bytes[bit] = (bytes[bit] as number) | (1 << (i & 7));
      const offset = this.#offsets[i] as number;
      const string = strings[i];
      if (string === undefined) return writeSlot(bytes, this.#types[i] as ValueType, offset, value);
      bytes.writeUInt32LE(end, offset);
      bytes.writeUInt32LE(string.length, offset + 4);
      string.copy(bytes, end);
      end += string.length;
    });
    return bytes;
  }

  /** @throws VECTOR_CORRUPT when the bytes are of another layout or too short */
  unpack(vector: Uint8Array): PackedVector {
    const reader = this.reader();
    reader.open(vector);
    const stampTime = (at: number): bigint => BigInt.asIntN(64, viewOf(vector).getBigUint64(at) ^ signBit);
    return {
      event: stampTime(8),
      known: stampTime(16),
      asOf: stampTime(24),
      get: (name) => reader.value(this.names.indexOf(name)),
    };
  }

  /** Reads one vector after another: no object is made for each. */
  reader(): VectorReader {
    return new VectorReader(this.id, this.#types, this.#offsets, this.#fixed);
  }
}

export interface PackedVector extends Stamp {
  get(name: string): Value | null;
}

/** A place to read vectors of one layout at. Made by {@link VectorLayout.reader}. */
export class VectorReader {
  readonly #id: DataView;
  readonly #types: readonly ValueType[];
  readonly #offsets: readonly number[];
  readonly #fixed: number;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(id: Uint8Array, types: readonly ValueType[], offsets: readonly number[], fixed: number) {
    this.#id = viewOf(id);
    this.#types = types;
    this.#offsets = offsets;
    this.#fixed = fixed;
    this.#bytes = id;
    this.#view = this.#id;
  }

  /** Moves on to another vector. @throws VECTOR_CORRUPT */
  open(bytes: Uint8Array): void {
    if (bytes.length < this.#fixed) throw corrupt(`it has ${bytes.length} bytes and needs ${this.#fixed}`);
    const view = viewOf(bytes);
    if (view.getUint32(0) !== this.#id.getUint32(0) || view.getUint32(4) !== this.#id.getUint32(4)) {
      throw corrupt("it was written with another layout");
    }
    this.#bytes = bytes;
    this.#view = view;
  }

  /** The event time in epoch milliseconds, with the microseconds as fraction. */
  eventMs(): number {
    return this.#millisecondsAt(8);
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
    const offset = this.#offsets[i] as number;
    switch (this.#types[i] as ValueType) {
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
    }
  }

  #string(offset: number): string {
    const bytes = this.#bytes;
    const start = this.#view.getUint32(offset, true);
    const end = start + this.#view.getUint32(offset + 4, true);
    if (end > bytes.length) throw corrupt(`a string ends at byte ${end} of ${bytes.length}`);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8", start, end);
  }
}

const layouts = new WeakMap<Features, VectorLayout>();

/** The layout of a view's features, made once. */
export function layoutOf(features: Features): VectorLayout {
  const kept = layouts.get(features) ?? new VectorLayout(features);
  layouts.set(features, kept);
  return kept;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const corrupt = (reason: string): Error => featureStoreError("VECTOR_CORRUPT", { reason });

function writeSlot(bytes: Buffer, type: ValueType, offset: number, value: Value): void {
  if (typeof value === "bigint") bytes.writeBigInt64LE(value, offset);
  else if (type === "float64") bytes.writeDoubleLE(value as number, offset);
  else if (type === "int32") bytes.writeInt32LE(value as number, offset);
  else bytes[offset] = value === true ? 1 : 0;
}
