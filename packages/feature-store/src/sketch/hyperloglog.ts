import { cardinality, mostRank, rankOf, registerOf } from "./cardinality.ts";
import { sketchCorrupt } from "./corrupt.ts";
import { type Hash, hashInteger, hashNumber, hashText } from "./hash.ts";

const version = 1;
const headBytes = 3;
const forms = { sparse: 0, dense: 1 } as const;

/** The precision of so small a standard error, from 4 to 16. */
export function precisionOf(standardError: number): number {
  for (let precision = 4; precision < 16; precision++)
    if (1.04 / 2 ** (precision / 2) <= standardError) return precision;
  return 16;
}

/**
 * How many different values there are, to a standard error of 1.04 over the square root of 2^precision: 0.8 % at 14. Few
 * values are counted nearly exactly. Sketches of one precision merge, in any order to the same bits.
 *
 * In bytes: the version (1), the precision, and 0 with the registers that have a rank, three bytes each, `register * 64 +
 * rank` little endian and ascending; or, where that is longer, 1 with six bits for every register, little endian.
 *
 * Source: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog" (2007), with the estimate of Ertl (2017).
 */
export class HyperLogLog {
  readonly precision: number;
  readonly #registers: Uint8Array;

  /** @param precision from 4 to 16 */
  constructor(precision = 14) {
    this.precision = precision;
    this.#registers = new Uint8Array(2 ** precision);
  }

  addNumber(value: number): void {
    this.add(hashNumber(value));
  }

  addInteger(value: bigint): void {
    this.add(hashInteger(value));
  }

  addText(value: string): void {
    this.add(hashText(value));
  }

  /** A register keeps the longest run of zeros that was seen of it. */
  add(hash: Hash): void {
    this.#raise(registerOf(hash, this.precision), rankOf(hash));
  }

  #raise(register: number, rank: number): void {
    if (rank > (this.#registers[register] as number)) this.#registers[register] = rank;
  }

  get estimate(): number {
    const histogram = new Float64Array(mostRank + 1);
    for (const rank of this.#registers) histogram[rank] = (histogram[rank] as number) + 1;
    return cardinality(histogram, this.precision);
  }

  toBytes(): Uint8Array {
    const registers = this.#registers;
    const filled = registers.reduce((count, rank) => (rank > 0 ? count + 1 : count), 0);
    const denseBytes = (registers.length * 6) / 8;
    const dense = filled * 3 > denseBytes;
    const bytes = new Uint8Array(headBytes + (dense ? denseBytes : filled * 3));
    bytes.set([version, this.precision, dense ? forms.dense : forms.sparse]);
    let at = headBytes;
    registers.forEach((rank, register) => {
      if (dense) {
        const bit = register * 6;
        const word = rank << (bit & 7);
        const place = headBytes + (bit >> 3);
        bytes[place] = (bytes[place] as number) | word;
        if (word > 255) bytes[place + 1] = word >> 8;
      } else if (rank > 0) {
        const code = register * 64 + rank;
        bytes[at++] = code;
        bytes[at++] = code >> 8;
        bytes[at++] = code >> 16;
      }
    });
    return bytes;
  }

  /** Takes in all that another has, as if each value had been added. @throws VECTOR_CORRUPT for bytes of no such sketch */
  merge(bytes: Uint8Array): void {
    const { length } = bytes;
    if (bytes[0] !== version || bytes[1] !== this.precision) throw sketchCorrupt("a HyperLogLog of this precision");
    const registers = this.#registers.length;
    if (bytes[2] === forms.dense && length === headBytes + (registers * 6) / 8) {
      for (let register = 0; register < registers; register++) {
        const bit = register * 6;
        const place = headBytes + (bit >> 3);
        const word = (bytes[place] as number) | ((bytes[place + 1] ?? 0) << 8);
        this.#merge(register, (word >> (bit & 7)) & 63);
      }
    } else if (bytes[2] === forms.sparse && (length - headBytes) % 3 === 0) {
      for (let at = headBytes; at < length; at += 3) {
        const code = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
        this.#merge(code >> 6, code & 63);
      }
    } else throw sketchCorrupt("a HyperLogLog");
  }

  #merge(register: number, rank: number): void {
    if (rank > mostRank || register >= this.#registers.length) throw sketchCorrupt("a HyperLogLog");
    this.#raise(register, rank);
  }
}
