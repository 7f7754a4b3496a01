import { Type } from "apache-arrow";
import type { Value } from "./column-type.ts";
import type { Column } from "./column.ts";
import { compare } from "./predicate.ts";

/** What `ColumnBounds` has seen. */
export interface SeenBounds {
  readonly min: Value | undefined;
  readonly max: Value | undefined;
  readonly unordered: boolean;
}

/** The smallest and the greatest value of a column, batch after batch. Strings compare by their UTF-8 bytes. */
export class ColumnBounds implements SeenBounds {
  min: Value | undefined;
  max: Value | undefined;
  /** A NaN has been seen: bounds would not hold it. */
  unordered = false;

  observe(column: Column, isNull: ((row: number) => boolean) | undefined): void {
    const rows = extremes(column, isNull);
    if (rows.unordered) this.unordered = true;
    if (rows.min < 0) return;
    this.#take(column.get(rows.min) as Value, column.get(rows.max) as Value);
  }

  /** Takes what others have seen. */
  merge({ min, max, unordered }: SeenBounds): void {
    if (unordered) this.unordered = true;
    if (min !== undefined && max !== undefined) this.#take(min, max);
  }

  #take(min: Value, max: Value): void {
    if (this.min === undefined || compare(min, this.min) < 0) this.min = owned(min);
    if (this.max === undefined || compare(max, this.max) > 0) this.max = owned(max);
  }
}

const owned = (value: Value): Value => (value instanceof Uint8Array ? value.slice() : value);

/** Rows that hold the smallest and the greatest value; -1 when there is none. */
interface Extremes {
  min: number;
  max: number;
  unordered: boolean;
}

type NullTest = ((row: number) => boolean) | undefined;

function extremes(column: Column, isNull: NullTest): Extremes {
  const { data, numbers, length } = column;
  if (numbers instanceof BigInt64Array) return ofLongs(numbers, isNull) ?? ofHalves(numbers, isNull);
  if (numbers !== undefined) return ofNumbers(numbers, isNull);
  if (data.typeId === Type.Decimal) return ofWords(data.values as Uint32Array, 4, length, isNull);
  if (data.typeId === Type.Utf8 && data.valueOffsets instanceof Int32Array) {
    return ofBytes(data.values as Uint8Array, data.valueOffsets, length, isNull);
  }
  return ofValues(column, isNull);
}

/**
 * 64-bit integers as doubles, which is fast; undefined where those are not exact. Rounding keeps the order, so that it is
 * enough to look at the bounds.
 */
function ofLongs(numbers: BigInt64Array, isNull: NullTest): Extremes | undefined {
  const found: Extremes = { min: -1, max: -1, unordered: false };
  const low = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length * 2);
  const high = new Int32Array(numbers.buffer, numbers.byteOffset, numbers.length * 2);
  let min = Infinity;
  let max = -Infinity;
  for (let row = 0; row < numbers.length; row++) {
    const value = (high[2 * row + 1] as number) * 2 ** 32 + (low[2 * row] as number);
    if (value >= min && value <= max) continue;
    if (isNull !== undefined && isNull(row)) continue;
    if (value < min) {
      min = value;
      found.min = row;
    }
    if (value > max) {
      max = value;
      found.max = row;
    }
  }
  const isExact = min >= Number.MIN_SAFE_INTEGER && max <= Number.MAX_SAFE_INTEGER;
  return isExact || found.min < 0 ? found : undefined;
}

/** 64-bit integers by their halves: reading one as a bigint would make an object of it. */
function ofHalves(numbers: BigInt64Array, isNull: NullTest): Extremes {
  const found: Extremes = { min: -1, max: -1, unordered: false };
  const low = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length * 2);
  const high = new Int32Array(numbers.buffer, numbers.byteOffset, numbers.length * 2);
  let [minLow, minHigh, maxLow, maxHigh] = [0, 2 ** 32, 0, -(2 ** 32)];
  for (let row = 0, at = 0; row < numbers.length; row++, at += 2) {
    const rowLow = low[at] as number;
    const rowHigh = high[at + 1] as number;
    const below = rowHigh < minHigh || (rowHigh === minHigh && rowLow < minLow);
    const above = rowHigh > maxHigh || (rowHigh === maxHigh && rowLow > maxLow);
    if ((!below && !above) || (isNull !== undefined && isNull(row))) continue;
    if (below) {
      found.min = row;
      minLow = rowLow;
      minHigh = rowHigh;
    }
    if (above) {
      found.max = row;
      maxLow = rowLow;
      maxHigh = rowHigh;
    }
  }
  return found;
}

function ofNumbers(numbers: ArrayLike<number>, isNull: NullTest): Extremes {
  const found: Extremes = { min: -1, max: -1, unordered: false };
  let [min, max] = [Infinity, -Infinity];
  for (let row = 0; row < numbers.length; row++) {
    const value = numbers[row] as number;
    if (value >= min && value <= max) continue;
    if (isNull?.(row) === true) continue;
    if (value < min || found.min < 0) [min, found.min] = [value, row];
    if (value > max || found.max < 0) [max, found.max] = [value, row];
    if (value !== value) {
      found.unordered = true;
      return found;
    }
  }
  return found;
}

/** Integers of `width` words, the lowest first, compared without making a bigint of each. */
function ofWords(words: Uint32Array, width: number, rows: number, isNull: NullTest): Extremes {
  const found: Extremes = { min: -1, max: -1, unordered: false };
  for (let row = 0; row < rows; row++) {
    const below = found.min < 0 || lessThan(words, row, found.min, width);
    const above = found.max < 0 || (!below && lessThan(words, found.max, row, width));
    if ((!below && !above) || isNull?.(row) === true) continue;
    if (below) found.min = row;
    if (above) found.max = row;
  }
  return found;
}

function lessThan(words: Uint32Array, a: number, b: number, width: number): boolean {
  const [atA, atB] = [a * width, b * width];
  const [highA, highB] = [(words[atA + width - 1] as number) | 0, (words[atB + width - 1] as number) | 0];
  if (highA !== highB) return highA < highB;
  for (let word = width - 2; word >= 0; word--) {
    const [wordA, wordB] = [words[atA + word] as number, words[atB + word] as number];
    if (wordA !== wordB) return wordA < wordB;
  }
  return false;
}

function ofBytes(bytes: Uint8Array, offsets: Int32Array, rows: number, isNull: NullTest): Extremes {
  const found: Extremes = { min: -1, max: -1, unordered: false };
  // Most values are told from both bounds by their first byte.
  let [firstOfMin, firstOfMax] = [256, -1];
  for (let row = 0; row < rows; row++) {
    const start = offsets[row] as number;
    const first = start === offsets[row + 1] ? -1 : (bytes[start] as number);
    if (first > firstOfMin && first < firstOfMax) continue;
    const below = found.min < 0 || precedes(bytes, offsets, row, found.min);
    const above = found.max < 0 || (!below && precedes(bytes, offsets, found.max, row));
    if ((!below && !above) || isNull?.(row) === true) continue;
    if (below) [found.min, firstOfMin] = [row, first];
    if (above) [found.max, firstOfMax] = [row, first];
  }
  return found;
}

function precedes(bytes: Uint8Array, offsets: Int32Array, a: number, b: number): boolean {
  const [startA, startB] = [offsets[a] as number, offsets[b] as number];
  const [lengthA, lengthB] = [(offsets[a + 1] as number) - startA, (offsets[b + 1] as number) - startB];
  const shared = lengthA < lengthB ? lengthA : lengthB;
  for (let i = 0; i < shared; i++) {
    const difference = (bytes[startA + i] as number) - (bytes[startB + i] as number);
    if (difference !== 0) return difference < 0;
  }
  return lengthA < lengthB;
}

function ofValues(column: Column, isNull: NullTest): Extremes {
  const found: Extremes = { min: -1, max: -1, unordered: false };
  let [min, max]: (Value | undefined)[] = [];
  const seen = new Set<Value>();
  for (let row = 0; row < column.length; row++) {
    if (isNull?.(row) === true) continue;
    const value = column.get(row);
    if (value === null || seen.has(value)) continue;
    if (seen.size < 1024) seen.add(value);
    if (min === undefined || compare(value, min) < 0) [min, found.min] = [value, row];
    if (max === undefined || compare(value, max) > 0) [max, found.max] = [value, row];
  }
  return found;
}
