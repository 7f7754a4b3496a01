import type { ColumnBytes } from "./column-bytes.ts";

/** The different values of one or two 32-bit words, numbered as they come. */
export class WordDictionary {
  size = 0;
  /** Steps beyond the first slot: many are a sign of values that were chosen to collide. */
  detours = 0;
  #low: Int32Array = new Int32Array(64);
  #high: Int32Array = new Int32Array(64);
  #slots: Int32Array = new Int32Array(128);

  /** The number of a value; a new one gets the next. */
  codeOf(low: number, high: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(low, high) & mask; ; slot = (slot + 1) & mask) {
      const code = (this.#slots[slot] as number) - 1;
      if (code < 0) return this.#add(slot, low, high);
      if (this.#low[code] === low && this.#high[code] === high) return code;
      this.detours += 1;
    }
  }

  low(code: number): number {
    return this.#low[code] as number;
  }

  high(code: number): number {
    return this.#high[code] as number;
  }

  #add(slot: number, low: number, high: number): number {
    const code = this.size++;
    if (code === this.#low.length) {
      this.#low = grown(this.#low);
      this.#high = grown(this.#high);
    }
    this.#low[code] = low;
    this.#high[code] = high;
    this.#slots[slot] = code + 1;
    if (this.size * 2 > this.#slots.length) this.#rehash();
    return code;
  }

  #rehash(): void {
    this.#slots = slotsFor(this.size, (code) => hashOf(this.low(code), this.high(code)));
  }
}

/** The different strings of bytes, numbered as they come. */
export class BytesDictionary {
  size = 0;
  detours = 0;
  /** Of all values together. */
  byteLength = 0;
  #bytes: Uint8Array = new Uint8Array(256);
  /** Where each value begins, and where the last ends. */
  #offsets: Int32Array = new Int32Array(64);
  #hashes: Int32Array = new Int32Array(64);
  #slots: Int32Array = new Int32Array(128);

  /** The number of the value that stands at a place of `source`; a new one gets the next. */
  codeOf(source: Uint8Array, start: number, end: number): number {
    const hash = hashOfBytes(source, start, end);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const code = (this.#slots[slot] as number) - 1;
      if (code < 0) return this.#add(slot, hash, source, start, end);
      if (this.#hashes[code] === hash && this.#holds(code, source, start, end)) return code;
      this.detours += 1;
    }
  }

  /** All values, one after the other, and where each begins and ends. */
  get entries(): ColumnBytes {
    return { bytes: this.#bytes, offsets: this.#offsets };
  }

  #holds(code: number, source: Uint8Array, start: number, end: number): boolean {
    const from = this.#offsets[code] as number;
    if ((this.#offsets[code + 1] as number) - from !== end - start) return false;
    for (let i = start; i < end; i++) if (source[i] !== this.#bytes[from + i - start]) return false;
    return true;
  }

  #add(slot: number, hash: number, source: Uint8Array, start: number, end: number): number {
    const code = this.size++;
    const from = this.byteLength;
    this.byteLength += end - start;
    while (this.byteLength > this.#bytes.length) this.#bytes = grown(this.#bytes);
    this.#bytes.set(source.subarray(start, end), from);
    if (code + 1 === this.#offsets.length) {
      this.#offsets = grown(this.#offsets);
      this.#hashes = grown(this.#hashes);
    }
    this.#offsets[code + 1] = this.byteLength;
    this.#hashes[code] = hash;
    this.#slots[slot] = code + 1;
    if (this.size * 2 > this.#slots.length) {
      this.#slots = slotsFor(this.size, (known) => this.#hashes[known] as number);
    }
    return code;
  }
}

function slotsFor(size: number, hash: (code: number) => number): Int32Array {
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(size * 4)));
  const mask = slots.length - 1;
  for (let code = 0; code < size; code++) {
    let slot = hash(code) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = code + 1;
  }
  return slots;
}

function hashOf(low: number, high: number): number {
  // The finalizer of MurmurHash3.
  let hash = low ^ Math.imul(high, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function hashOfBytes(bytes: Uint8Array, start: number, end: number): number {
  // FNV-1a, finished as above.
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

/** The same with twice the room. */
function grown<Words extends Int32Array | Uint8Array>(words: Words): Words {
  const larger = new (words.constructor as new (length: number) => Words)(words.length * 2);
  larger.set(words);
  return larger;
}
