const seed = 0x811c9dc5;

/**
 * Gives each distinct string of UTF-8 a small number, in order of appearance. A string that was met before is found by its
 * bytes: only new ones are decoded.
 */
export class StringCodes {
  readonly #codes = new Map<string, number>();
  readonly #dictionary: string[] = [];
  /** Open addressing: one more than the number of the bytes, 0 where free. */
  #slots = new Int32Array(1024);
  #hashes = new Int32Array(512);
  #starts = new Uint32Array(513);
  /** What each number of bytes stands for: bytes that are no UTF-8 may be read as a string that is there. */
  #codeOf = new Int32Array(512);
  #bytes = new Uint8Array(16_384);
  #count = 0;

  get dictionary(): readonly string[] {
    return this.#dictionary;
  }

  /** The code of a string. */
  code(text: string): number {
    const known = this.#codes.get(text);
    if (known !== undefined) return known;
    this.#codes.set(text, this.#dictionary.length);
    return this.#dictionary.push(text) - 1;
  }

  /** Writes the codes of `bytes[offsets[i], offsets[i + 1])`, for `i` below `length`, to `out` from `at` on. */
  encode(
    bytes: Uint8Array,
    offsets: Int32Array | BigInt64Array,
    length: number,
    out: Int32Array,
    at: number,
    valid: Uint8Array | undefined,
  ): void {
    let start = Number(offsets[0]);
    for (let i = 0; i < length; i++) {
      const end = Number(offsets[i + 1]);
      if (valid?.[at + i] !== 0) out[at + i] = this.#find(bytes, start, end);
      start = end;
    }
  }

  #find(bytes: Uint8Array, start: number, end: number): number {
    let hash = seed;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    hash ^= hash >>> 15;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const number = (this.#slots[slot] as number) - 1;
      if (number < 0) return this.#add(bytes, start, end, hash, slot);
      if (this.#hashes[number] === hash && this.#same(number, bytes, start, end)) return this.#codeOf[number] as number;
      slot = (slot + 1) & mask;
    }
  }

  #same(number: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#starts[number] as number;
    const length = end - start;
    if ((this.#starts[number + 1] as number) - own !== length) return false;
    for (let i = 0; i < length; i++) if (this.#bytes[own + i] !== bytes[start + i]) return false;
    return true;
  }

  #add(bytes: Uint8Array, start: number, end: number, hash: number, slot: number): number {
    const code = this.code(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8"));
    const number = this.#count++;
    const own = this.#starts[number] as number;
    if (own + end - start > this.#bytes.length) this.#bytes = grown(this.#bytes, own + end - start);
    this.#bytes.set(bytes.subarray(start, end), own);
    this.#starts[number + 1] = own + end - start;
    this.#hashes[number] = hash;
    this.#codeOf[number] = code;
    this.#slots[slot] = number + 1;
    if (this.#count === this.#hashes.length) this.#grow();
    return code;
  }

  #grow(): void {
    this.#hashes = grown(this.#hashes, this.#count);
    this.#codeOf = grown(this.#codeOf, this.#count);
    this.#starts = grown(this.#starts, this.#count + 1);
    const slots = new Int32Array(this.#slots.length * 2);
    for (let number = 0; number < this.#count; number++) {
      let slot = (this.#hashes[number] as number) & (slots.length - 1);
      while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}

/** Twice as long, or longer where more is needed. */
function grown<Numbers extends Int32Array | Uint32Array | Uint8Array>(values: Numbers, needed: number): Numbers {
  const next = new (values.constructor as new (length: number) => Numbers)(Math.max(values.length * 2, needed));
  next.set(values);
  return next;
}
