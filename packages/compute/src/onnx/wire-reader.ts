import { computeError } from "../errors.ts";
import { wireType } from "./wire-writer.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** One field of a message: exactly one of the values is meaningful, by wire type. */
export interface WireField {
  readonly number: number;
  readonly type: number;
  /** Varint, as a signed 64-bit integer that fits a safe JavaScript integer. */
  readonly int: number;
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** Reads the fields of one message, never past its end. `base` is the offset of the message in the file, for errors. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #base: number;
  #position = 0;

  constructor(bytes: Uint8Array, base: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#base = base;
  }

  get done(): boolean {
    return this.#position >= this.#bytes.byteLength;
  }

  *fields(): Generator<WireField> {
    while (!this.done) yield this.#field();
  }

  #field(): WireField {
    const offset = this.#base + this.#position;
    const tag = this.int();
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    if (number < 1) throw this.#malformed("a field has no number");
    const empty = this.#bytes.subarray(0, 0);
    if (type === wireType.varint) return { number, type, int: this.int(), bytes: empty, offset };
    if (type === wireType.fixed32) return { number, type, int: 0, bytes: this.take(4), offset };
    if (type === wireType.fixed64) return { number, type, int: 0, bytes: this.take(8), offset };
    if (type === wireType.bytes) {
      const length = this.int();
      const start = this.#base + this.#position;
      return { number, type, int: 0, bytes: this.take(length), offset: start };
    }
    throw this.#malformed(`wire type ${type} is not used by ONNX`);
  }

  int(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#position];
      if (byte === undefined) throw this.#malformed("an integer is cut off");
      this.#position += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return this.#safe(BigInt.asIntN(64, value));
    }
    throw this.#malformed("an integer is longer than ten bytes");
  }

  float(): number {
    const start = this.#position;
    this.take(4);
    return this.#view.getFloat32(start, true);
  }

  take(length: number): Uint8Array {
    if (length < 0 || this.#position + length > this.#bytes.byteLength) {
      throw this.#malformed(`a field of ${length} bytes runs past the end of its message`);
    }
    const part = this.#bytes.subarray(this.#position, this.#position + length);
    this.#position += length;
    return part;
  }

  #safe(value: bigint): number {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw this.#malformed(`the integer ${value} is too large`);
    return number;
  }

  #malformed(reason: string): Error {
    return computeError("ONNX_MALFORMED", { reason, offset: this.#base + this.#position });
  }
}

export function readText(field: WireField): string {
  try {
    return utf8.decode(field.bytes);
  } catch (cause) {
    throw computeError("ONNX_MALFORMED", { reason: "a text is not UTF-8", offset: field.offset }, { cause });
  }
}
