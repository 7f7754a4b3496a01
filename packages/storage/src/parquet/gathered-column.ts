import { arrowField, arrowTypeOf } from "./arrow-type.ts";
import { arrayOf } from "./array.ts";
import { bytesOfColumn } from "./column-bytes.ts";
import { type ColumnType, decimalOf } from "./column-type.ts";
import { type Column, columnOf } from "./column.ts";
import { numbersFor } from "./data-of.ts";
import type { SharedBytes, SharedMemory } from "./shared-memory.ts";
import { assertText } from "./text-check.ts";
import { ValidityBits } from "./validity-bits.ts";

/** The values of one column without parts, in the buffers of Arrow and in memory that threads share. */
export interface ColumnBuffers {
  readonly type: ColumnType;
  readonly rows: number;
  readonly nulls: number;
  /** Absent where there is no null. */
  readonly validity?: Uint8Array;
  /** Of these as many bytes as the rows take. */
  readonly values: SharedBytes;
  /** Where strings and blobs begin; the first at 0. */
  readonly offsets?: SharedBytes;
}

/** As a column without a name; its arrays are those of the buffers. */
export function columnOfBuffers({ type, rows, nulls, validity, values, offsets }: ColumnBuffers): Column {
  const buffers =
    offsets === undefined
      ? { data: typed(type, values, rows) }
      : { data: values, valueOffsets: new Int32Array(offsets.buffer, 0, rows + 1) };
  const nullBitmap = validity === undefined ? {} : { nullBitmap: validity };
  const parts = { type: arrowTypeOf(type), length: rows, nullCount: nulls, ...nullBitmap, ...buffers };
  return columnOf(arrowField("", type, true), arrayOf(parts));
}

/** Bytes by the words that Arrow has them in. */
function typed(type: ColumnType, values: SharedBytes, rows: number): ArrayBufferView {
  if (type === "boolean") return values;
  if (decimalOf(type) !== undefined) return new Uint32Array(values.buffer, 0, rows * 4);
  const { constructor } = numbersFor(type, 0);
  return new (constructor as Int32ArrayConstructor)(values.buffer, 0, rows);
}

const isTimestamp = (type: ColumnType): boolean => type === "timestamp" || type === "timestamp_ntz";

export interface GatheredColumnOptions {
  readonly type: ColumnType;
  /** Whose name errors tell. */
  readonly codec: string;
  readonly memory: SharedMemory;
}

/** Copies one column, batch after batch: whose arrays these are may use them again. */
export class GatheredColumn {
  readonly #options: GatheredColumnOptions;
  readonly #validity = new ValidityBits();
  readonly #isBytes: boolean;
  #values: SharedBytes | undefined;
  #length = 0;
  #offsets: SharedBytes | undefined;

  constructor(options: GatheredColumnOptions) {
    this.#options = options;
    this.#isBytes = options.type === "string" || options.type === "binary";
  }

  /** Bytes of its values. */
  get byteLength(): number {
    return this.#length;
  }

  /** Whether the values stand side by side, in the form that is gathered, and the memory has room for them. */
  hasRoomFor(column: Column, largest: number): boolean {
    const { type, length, codes } = column;
    const own = this.#options.type;
    if (codes !== undefined || !(type === own || (isTimestamp(type) && isTimestamp(own)))) return false;
    const needed = this.#length + this.#sizeOf(column);
    const rows = this.#validity.rows + length;
    if (needed > largest) return false;
    const values = this.#grown(this.#values, this.#length, needed);
    if (values !== undefined) this.#values = values;
    if (!this.#isBytes) return values !== undefined;
    const offsets = this.#grown(this.#offsets, (this.#validity.rows + 1) * 4, (rows + 1) * 4);
    if (offsets !== undefined) this.#offsets = offsets;
    return values !== undefined && offsets !== undefined;
  }

  #sizeOf(column: Column): number {
    const { length } = column;
    if (this.#options.type === "boolean") return Math.ceil((this.#validity.rows + length) / 8) - this.#length;
    if (!this.#isBytes) return bytesOfFixed(column).byteLength;
    const { offsets } = bytesOfColumn(column);
    return (offsets[length] as number) - (offsets[0] as number);
  }

  #grown(piece: SharedBytes | undefined, used: number, needed: number): SharedBytes | undefined {
    if (piece !== undefined && piece.byteLength >= needed) return piece;
    const { memory } = this.#options;
    const larger = memory.take(Math.max(needed, 1));
    if (larger === undefined || piece === undefined) return larger;
    larger.set(piece.subarray(0, used));
    memory.give(piece);
    return larger;
  }

  /** What there is room for. @throws CODEC_REFUSED for a string that is no UTF-8 */
  append(column: Column): void {
    const values = this.#values as SharedBytes;
    if (this.#isBytes) this.#appendBytes(column, values);
    else if (this.#options.type === "boolean") this.#appendBits(column, values);
    else {
      const bytes = bytesOfFixed(column);
      values.set(bytes, this.#length);
      this.#length += bytes.byteLength;
    }
    this.#validity.append(column);
  }

  #appendBits({ length, get }: Column, bits: SharedBytes): void {
    const { rows } = this.#validity;
    const end = Math.ceil((rows + length) / 8);
    bits.fill(0, this.#length, end);
    this.#length = end;
    for (let row = 0; row < length; row++) {
      const at = rows + row;
      if (get(row) === true) bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7));
    }
  }

  #appendBytes(column: Column, into: SharedBytes): void {
    const found = bytesOfColumn(column);
    if (this.#options.type === "string") assertText(column, found, this.#options.codec);
    const { length } = column;
    const { rows } = this.#validity;
    const { bytes, offsets } = found;
    const first = offsets[0] as number;
    const moved = this.#length - first;
    into.set(bytes.subarray(first, offsets[length]), this.#length);
    this.#length += (offsets[length] as number) - first;
    const ends = new Int32Array((this.#offsets as SharedBytes).buffer, 4 * (rows + 1), length);
    for (let row = 0; row < length; row++) ends[row] = (offsets[row + 1] as number) + moved;
  }

  /** What has been gathered, to be given back by `release`; the next begins anew, in other memory. */
  take(): ColumnBuffers | undefined {
    const { rows, nulls, bits } = this.#validity;
    const [values, offsets] = [this.#values, this.#offsets];
    if (values === undefined) return undefined;
    if (offsets !== undefined) new Int32Array(offsets.buffer)[0] = 0;
    const validity = nulls === 0 ? {} : { validity: bits.slice(0, Math.ceil(rows / 8)) };
    const taken = { type: this.#options.type, rows, nulls, values, ...validity };
    this.#values = this.#offsets = undefined;
    this.#length = 0;
    this.#validity.clear();
    return offsets === undefined ? taken : { ...taken, offsets };
  }
}

/** Gives the memory of a column back. */
export function release({ values, offsets }: ColumnBuffers, memory: SharedMemory): void {
  memory.give(values);
  if (offsets !== undefined) memory.give(offsets);
}

/** The values of a column of fixed width. */
function bytesOfFixed({ length, numbers, data }: Column): Uint8Array {
  const { buffer, byteOffset, byteLength } = numbers ?? (data.values as Uint32Array).subarray(0, length * 4);
  return new Uint8Array(buffer, byteOffset, byteLength);
}
