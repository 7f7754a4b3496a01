import { computeError } from "../errors.ts";

const text = new TextEncoder();

/** Protocol Buffers wire types (encoding specification, section "Message Structure"). */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Writes protocol buffer fields into one growing buffer. */
export class WireWriter {
  #buffer = new Uint8Array(1024);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  /** An `int64` field. */
  int(field: number, value: number): void {
    this.#tag(field, wireType.varint);
    this.#int64(value);
  }

  float(field: number, value: number): void {
    this.#tag(field, wireType.fixed32);
    this.#float32(value);
  }

  string(field: number, value: string): void {
    this.bytes(field, text.encode(value));
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, wireType.bytes);
    this.#int64(value.byteLength);
    this.#reserve(value.byteLength);
    this.#buffer.set(value, this.#length);
    this.#length += value.byteLength;
  }

  message(field: number, write: (nested: WireWriter) => void): void {
    const nested = new WireWriter();
    write(nested);
    this.bytes(field, nested.finish());
  }

  packedFloats(field: number, values: ArrayLike<number>): void {
    this.#tag(field, wireType.bytes);
    this.#int64(values.length * 4);
    for (let i = 0; i < values.length; i++) this.#float32(values[i] ?? 0);
  }

  packedInts(field: number, values: ArrayLike<number>): void {
    const nested = new WireWriter();
    for (let i = 0; i < values.length; i++) nested.#int64(values[i] ?? 0);
    this.bytes(field, nested.finish());
  }

  #tag(field: number, type: number): void {
    this.#int64(field * 8 + type);
  }

  #float32(value: number): void {
    this.#reserve(4);
    this.#view.setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  #int64(value: number): void {
    if (!Number.isSafeInteger(value)) {
      throw computeError("ONNX_UNENCODABLE", { what: `the integer ${value}`, rule: "integers lie within ±(2^53 - 1)" });
    }
    this.#reserve(10);
    if (value < 0) {
      // A negative int64 is ten bytes of its two's complement.
      let rest = BigInt.asUintN(64, BigInt(value));
      while (rest >= 0x80n) {
        this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
        rest >>= 7n;
      }
      this.#buffer[this.#length++] = Number(rest);
      return;
    }
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.byteLength) return;
    const grown = new Uint8Array(Math.max(this.#buffer.byteLength * 2, this.#length + bytes));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}
