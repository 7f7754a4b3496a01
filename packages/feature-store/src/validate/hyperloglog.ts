const precision = 14;
const registers = 1 << precision;

/**
 * How many different values a stream has, to a standard error of 0.8 %, in 16 KiB. Few values are counted nearly exactly.
 *
 * Source: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog" (2007), with its linear counting of small ranges.
 */
export class HyperLogLog {
  readonly #registers = new Uint8Array(registers);

  addNumber(value: number): void {
    words[0] = value === 0 ? 0 : value;
    this.#add(halves[0] as number, halves[1] as number);
  }

  addText(value: string): void {
    let low = 0x9747b28c;
    let high = 0x3c6ef372;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      low = Math.imul(low ^ unit, 0x01000193);
      high = Math.imul(high ^ unit, 0x85ebca77);
    }
    this.#add(low, high ^ value.length);
  }

  get estimate(): number {
    let sum = 0;
    let zeros = 0;
    for (const rank of this.#registers) {
      sum += 2 ** -rank;
      if (rank === 0) zeros++;
    }
    const alpha = 0.7213 / (1 + 1.079 / registers);
    const raw = (alpha * registers * registers) / sum;
    const small = raw <= 2.5 * registers && zeros > 0;
    return Math.round(small ? registers * Math.log(registers / zeros) : raw);
  }

  /** The first bits choose a register, which keeps the longest run of zeros that the rest began with. */
  #add(low: number, high: number): void {
    const first = mix(low ^ Math.imul(high, 0x9e3779b1));
    const second = mix(high ^ Math.imul(first, 0x85ebca6b));
    const register = first >>> (32 - precision);
    const rank = Math.clz32(second) + 1;
    if (rank > (this.#registers[register] as number)) this.#registers[register] = rank;
  }
}

const words = new Float64Array(1);
const halves = new Int32Array(words.buffer);

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
