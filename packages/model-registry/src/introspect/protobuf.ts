const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Why bytes are not the message they are said to be. Callers turn it into an error of the table. */
export class MalformedMessage extends Error {}

/**
 * Walks the fields of one protobuf message (https://protobuf.dev/programming-guides/encoding/) without copying it.
 *
 * Made for hostile bytes: every length is checked against what is left before it is used, and groups, which could
 * nest without end, are refused.
 */
export class MessageReader {
  /** Number of the field that `next` stopped at. */
  field = 0;
  #wire = 0;
  #position = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Goes to the next field; false at the end. Its value must then be taken or skipped. */
  next(): boolean {
    if (this.#position === this.#bytes.length) return false;
    const key = this.#varint();
    this.field = Number(key >> 3n);
    this.#wire = Number(key & 7n);
    if (this.field < 1 || this.field > 536_870_911) throw new MalformedMessage(`it has a field number ${this.field}`);
    return true;
  }

  /** A signed 64-bit integer that fits a JavaScript number. */
  integer(): number {
    this.#expect(0);
    const value = Number(BigInt.asIntN(64, this.#varint()));
    if (!Number.isSafeInteger(value)) throw new MalformedMessage(`field ${this.field} holds ${value}, beyond 2^53`);
    return value;
  }

  /** A view of the bytes of a length-delimited field: a message, a string, packed values. */
  bytes(): Uint8Array {
    this.#expect(2);
    return this.#take(Number(this.#varint()));
  }

  /** UTF-8 text of at most `limit` bytes. */
  text(limit: number): string {
    const bytes = this.bytes();
    if (bytes.length > limit) throw new MalformedMessage(`a name has ${bytes.length} bytes, and ${limit} are allowed`);
    try {
      return utf8.decode(bytes);
    } catch {
      throw new MalformedMessage(`field ${this.field} is not UTF-8`);
    }
  }

  skip(): void {
    if (this.#wire === 0) this.#varint();
    else if (this.#wire === 1) this.#take(8);
    else if (this.#wire === 2) this.#take(Number(this.#varint()));
    else if (this.#wire === 5) this.#take(4);
    else throw new MalformedMessage(`field ${this.field} has the wire type ${this.#wire}`);
  }

  #expect(wire: number): void {
    if (this.#wire === wire) return;
    throw new MalformedMessage(`field ${this.field} has the wire type ${this.#wire} where ${wire} belongs`);
  }

  #take(length: number): Uint8Array {
    const left = this.#bytes.length - this.#position;
    if (length > left) throw new MalformedMessage(`a field claims ${length} bytes where ${left} are left`);
    const start = this.#position;
    this.#position += length;
    return this.#bytes.subarray(start, this.#position);
  }

  #varint(): bigint {
    let low = 0;
    for (let i = 0; i < 4; i++) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new MalformedMessage("a varint has more than ten bytes");
  }

  #byte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw new MalformedMessage("it ends in the middle of a field");
    this.#position += 1;
    return byte;
  }
}
