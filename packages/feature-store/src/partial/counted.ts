import type { Predicate } from "../define/column.ts";
import { compares } from "../offline/compares.ts";
import { bufferOf } from "../push/cells.ts";
import { type EventCell, Instant } from "../push/instant.ts";
import { sketchCorrupt } from "../sketch/corrupt.ts";
import type { PartialResult } from "./partial-result.ts";

/** How many events there are. */
export class Counted implements PartialResult {
  size = 0;

  add(): void {
    this.size++;
  }
  merge(bytes: Uint8Array): void {
    this.size += numbersOf(bytes, 1)[0] as number;
  }
  toBytes(): Uint8Array {
    return numberBytes([this.size]);
  }
}

/** How many events have a value, and of how many it holds. */
export class Shared implements PartialResult {
  size = 0;
  holding = 0;
  readonly #holds: (cell: EventCell) => boolean;

  constructor({ compare, value }: Predicate) {
    const holds = compares(compare, Number(value));
    this.#holds = (cell) => {
      if (typeof value === "string") return cell === value;
      return holds(cell instanceof Instant ? cell.micros : typeof cell === "bigint" ? cell : Number(cell));
    };
  }
  add(cell: EventCell): void {
    if (cell === null) return;
    this.size++;
    if (this.#holds(cell)) this.holding++;
  }
  merge(bytes: Uint8Array): void {
    const [size, holding] = numbersOf(bytes, 2);
    this.size += size as number;
    this.holding += holding as number;
  }
  toBytes(): Uint8Array {
    return numberBytes([this.size, this.holding]);
  }
}

/** Counts, as doubles, little endian. */
export function numberBytes(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * numbers.length);
  numbers.forEach((number, i) => bytes.writeDoubleLE(number, 8 * i));
  return bytes;
}

/** @throws VECTOR_CORRUPT unless `count` counts are there */
export function numbersOf(bytes: Uint8Array, count: number): number[] {
  if (bytes.length < 8 * count) throw sketchCorrupt("a count");
  const buffer = bufferOf(bytes);
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) {
    const number = buffer.readDoubleLE(8 * i);
    if (!Number.isSafeInteger(number) || number < 0) throw sketchCorrupt("a count");
    numbers.push(number);
  }
  return numbers;
}
