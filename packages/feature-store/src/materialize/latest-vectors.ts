import type { OnlineEntry } from "../online/port.ts";
import type { VectorWriter } from "../online/vector-writer.ts";
import { Arena } from "./arena.ts";
import { grown } from "./grown.ts";
import { type HashRange, lowerHalf } from "./hash-range.ts";
import { hashOf, KeyTable } from "./key-table.ts";
import type { ScannedRows } from "./scan-rows.ts";

const noVector = -1;
/** Keys there is room for at first. */
const least = 512;

/**
 * Of each key the last row, in the order of (event, known, ingestion), among those visible at one time: packed where it
 * became visible after another time, for then the key changed in between. Rows are given in any number of pieces, and what is
 * held grows with the keys and not with the rows.
 */
export class LatestVectors {
  readonly #from: number;
  readonly #until: number;
  #range: HashRange;
  #keys = new KeyTable();
  #vectors = new Arena();
  #event = new Float64Array(least);
  #known = new Float64Array(least);
  #places = new Float64Array(least);
  #lengths = new Uint32Array(least);
  /** By key: its last row among those given just now, and one more; 0 when none of them is. */
  #rows = new Uint32Array(least);
  /** Bytes of vectors whose place was too short for what came after. */
  #lost = 0;
  #nullKey = 0;
  #nullEventTime = 0;

  /**
   * @param times epoch microseconds: rows visible after `from` count as changes, those visible after `until` not at all
   * @param range the keys to look at
   */
  constructor({ from, until }: { readonly from: number; readonly until: number }, range: HashRange) {
    this.#from = from;
    this.#until = until;
    this.#range = range;
  }

  get range(): HashRange {
    return this.#range;
  }

  /** Rows that no read can see, among those given. */
  get ignored(): { readonly nullKey: number; readonly nullEventTime: number } {
    return { nullKey: this.#nullKey, nullEventTime: this.#nullEventTime };
  }

  get byteLength(): number {
    return this.#keys.byteLength + this.#vectors.byteLength + this.#event.length * bytesPerKey;
  }

  add({ count, keys, event, known, vectors }: ScannedRows): void {
    const touched: number[] = [];
    const { start, end } = this.#range;
    for (let row = 0; row < count; row++) {
      const happened = event[row] as number;
      const told = known === undefined ? happened : (known[row] as number);
      // A null is NaN, which is never before anything.
      if (!(happened <= this.#until && told <= this.#until)) {
        if (Number.isNaN(happened)) this.#nullEventTime++;
        continue;
      }
      const length = keys.write(row);
      if (length === 0) {
        this.#nullKey++;
        continue;
      }
      const hash = hashOf(keys.bytes, length);
      if (hash < start || hash >= end) continue;
      const before = this.#keys.size;
      const key = this.#keys.numberOf(keys.bytes, length, hash);
      if (key === before) this.#begin(key);
      else if (!this.#isLater(key, happened, told)) continue;
      this.#event[key] = happened;
      this.#known[key] = told;
      if (this.#rows[key] === 0) touched.push(key);
      this.#rows[key] = row + 1;
    }
    for (const key of touched) {
      this.#pack(key, (this.#rows[key] as number) - 1, vectors);
      this.#rows[key] = 0;
    }
  }

  /** Forgets the keys in the later half of the range, unless the room of vectors that were replaced is what there is to win. */
  shrink(): void {
    if (2 * this.#lost < this.#vectors.byteLength) this.#range = lowerHalf(this.#range);
    const all = { keys: this.#keys, vectors: this.#vectors };
    this.#keys = new KeyTable();
    this.#vectors = new Arena();
    this.#lost = 0;
    for (let from = 0; from < all.keys.size; from++) {
      const hash = all.keys.hash(from);
      if (hash >= this.#range.end) continue;
      const bytes = all.keys.key(from);
      const key = this.#keys.numberOf(bytes, bytes.length, hash);
      // Numbers only become less: none is written over before it was read.
      this.#event[key] = this.#event[from] as number;
      this.#known[key] = this.#known[from] as number;
      const length = this.#lengths[from] as number;
      const place = this.#places[from] as number;
      this.#places[key] = place === noVector ? noVector : this.#vectors.put(all.vectors.get(place, length), length);
      this.#lengths[key] = length;
    }
    const kept = 2 ** Math.ceil(Math.log2(Math.max(least, this.#keys.size)));
    this.#event = this.#event.slice(0, kept);
    this.#known = this.#known.slice(0, kept);
    this.#places = this.#places.slice(0, kept);
    this.#lengths = this.#lengths.slice(0, kept);
    this.#rows = this.#rows.slice(0, kept);
  }

  /** The numbers of the keys that changed. */
  changed(): Uint32Array {
    const keys = new Uint32Array(this.#keys.size);
    let size = 0;
    for (let key = 0; key < keys.length; key++) if (this.#places[key] !== noVector) keys[size++] = key;
    return keys.subarray(0, size);
  }

  entry(key: number): OnlineEntry {
    const vector = this.#vectors.get(this.#places[key] as number, this.#lengths[key] as number);
    return { key: this.#keys.key(key), vector };
  }

  #begin(key: number): void {
    if (key === this.#event.length) {
      this.#event = grown(this.#event);
      this.#known = grown(this.#known);
      this.#places = grown(this.#places);
      this.#lengths = grown(this.#lengths);
      this.#rows = grown(this.#rows);
    }
    this.#places[key] = noVector;
    this.#rows[key] = 0;
  }

  /** Whether a row comes after the last one of its key: of equal times it does, being ingested later. */
  #isLater(key: number, happened: number, told: number): boolean {
    const last = this.#event[key] as number;
    return happened > last || (happened === last && told >= (this.#known[key] as number));
  }

  #pack(key: number, row: number, vectors: VectorWriter): void {
    const happened = this.#event[key] as number;
    const told = this.#known[key] as number;
    const place = this.#places[key] as number;
    if (Math.max(happened, told) <= this.#from) {
      if (place !== noVector) this.#lost += this.#lengths[key] as number;
      this.#places[key] = noVector;
      return;
    }
    const length = vectors.write(row, happened, told);
    if (place !== noVector && this.#lengths[key] === length) {
      this.#vectors.replace(place, vectors.bytes, length);
      return;
    }
    if (place !== noVector) this.#lost += this.#lengths[key] as number;
    this.#places[key] = this.#vectors.put(vectors.bytes, length);
    this.#lengths[key] = length;
  }
}

const bytesPerKey = 32;
