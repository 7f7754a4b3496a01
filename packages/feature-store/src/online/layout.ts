import { createHash } from "node:crypto";
import type { Features } from "../define/feature-view.ts";
import { dimensionsOf, type ScalarType, type Value, type ValueType } from "../define/value-type.ts";
import { headerBytes, VectorReader, type VectorShape } from "./vector-reader.ts";
import { readTime, type VectorSource, VectorWriter, viewOf, writeSlot, writeTime } from "./vector-writer.ts";

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
    const view = viewOf(bytes);
    bytes.set(this.id);
    writeTime(view, 8, times.event);
    writeTime(view, 16, times.known);
    writeTime(view, 24, times.asOf);
    end = this.#fixed;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as Value | null;
      if (value === null) continue;
      const bit = headerBytes + (i >> 3);
      bytes[bit] = (bytes[bit] as number) | (1 << (i & 7));
      const offset = this.#offsets[i] as number;
      if (typeof value !== "string") {
        writeSlot(view, this.types[i] as ValueType, offset, value);
        continue;
      }
      const string = strings[i] as Buffer;
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
    const view = viewOf(vector);
    return {
      event: readTime(view, 8),
      known: readTime(view, 16),
      asOf: readTime(view, 24),
      get: (name) => reader.value(this.names.indexOf(name)),
    };
  }

  /** Reads one vector after another: no object is made for each. */
  reader(): VectorReader {
    return new VectorReader(this.#shape);
  }

  /** Packs rows of columns, one after another. @param asOf of every vector, epoch microseconds */
  writer(sources: readonly VectorSource[], asOf: number): VectorWriter {
    return new VectorWriter(this.#shape, sources, asOf);
  }

  get #shape(): VectorShape {
    return { id: this.id, types: this.types, offsets: this.#offsets, fixed: this.#fixed };
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
