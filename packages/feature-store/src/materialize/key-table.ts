import { Arena } from "./arena.ts";
import { grown } from "./grown.ts";

/** Numbers keys from 0 in the order they come, by their bytes: an open table of hashes, without an object for each. */
export class KeyTable {
  #slots = new Int32Array(1024);
  #hashes = new Uint32Array(512);
  #places = new Float64Array(512);
  #lengths = new Uint16Array(512);
  readonly #keys = new Arena();
  size = 0;

  /** The number of a key, which is given one when it is new. @param hash {@link hashOf} it */
  numberOf(key: Uint8Array, length: number, hash: number): number {
    let slot = hash & (this.#slots.length - 1);
    for (let found = this.#slots[slot] as number; found !== 0; found = this.#slots[slot] as number) {
      if (this.#is(found - 1, key, length, hash)) return found - 1;
      slot = (slot + 1) & (this.#slots.length - 1);
    }
    const number = this.size++;
    if (number === this.#hashes.length) this.#grow();
    this.#hashes[number] = hash;
    this.#places[number] = this.#keys.put(key, length);
    this.#lengths[number] = length;
    this.#take(number);
    return number;
  }

  hash(number: number): number {
    return this.#hashes[number] as number;
  }

  key(number: number): Buffer {
    return this.#keys.get(this.#places[number] as number, this.#lengths[number] as number);
  }

  get byteLength(): number {
    const { byteLength } = this.#slots;
    return this.#keys.byteLength + byteLength + this.#hashes.length * bytesPerKey;
  }

  #is(number: number, key: Uint8Array, length: number, hash: number): boolean {
    return (
      this.#hashes[number] === hash &&
      this.#lengths[number] === length &&
      this.#keys.holds(this.#places[number] as number, key, length)
    );
  }

  #take(number: number): void {
    const mask = this.#slots.length - 1;
    let slot = (this.#hashes[number] as number) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = number + 1;
  }

  /** At most half of the slots are taken. */
  #grow(): void {
    this.#hashes = grown(this.#hashes);
    this.#places = grown(this.#places);
    this.#lengths = grown(this.#lengths);
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let number = 0; number < this.size - 1; number++) this.#take(number);
  }
}

const bytesPerKey = 14;

/** 32 bits of a key, each of which depends on all of it: FNV-1a, mixed as MurmurHash3 ends. */
export function hashOf(key: Uint8Array, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ (key[i] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
