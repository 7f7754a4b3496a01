import { bufferOf, CellReader, cellBytes } from "../push/cells.ts";
import { type EventCell, Instant } from "../push/instant.ts";
import { numberBytes } from "./counted.ts";
import type { Moment, PartialResult } from "./partial-result.ts";

/** The least or the greatest value, NaN above all. */
export class Extreme implements PartialResult {
  cell: EventCell = null;
  readonly #least: boolean;

  constructor(least: boolean) {
    this.#least = least;
  }
  add(cell: EventCell): void {
    if (cell === null) return;
    if (this.cell === null || (this.#least ? below(cell, this.cell) : below(this.cell, cell))) this.cell = cell;
  }
  merge(bytes: Uint8Array): void {
    this.add(new CellReader(bytes).next());
  }
  toBytes(): Uint8Array {
    return cellBytes(this.cell);
  }
}

const ordered = (cell: EventCell): number | bigint =>
  cell instanceof Instant ? cell.micros : (cell as number | bigint);

function below(cell: EventCell, than: EventCell): boolean {
  const [low, high] = [ordered(cell), ordered(than)];
  return low < high || (Number.isNaN(high) && !Number.isNaN(low));
}

/** The first or the last value in the order (event, known, arrival). */
export class Ordered implements PartialResult {
  cell: EventCell = null;
  #at: Moment | undefined;
  readonly #first: boolean;

  constructor(first: boolean) {
    this.#first = first;
  }
  add(cell: EventCell, at: Moment): void {
    if (cell === null) return;
    if (this.#at !== undefined && isBefore(at, this.#at) !== this.#first) return;
    this.cell = cell;
    this.#at = at;
  }
  merge(bytes: Uint8Array): void {
    if (bytes.length < 24) return;
    const buffer = bufferOf(bytes);
    const [event, known, arrived] = [buffer.readDoubleLE(0), buffer.readDoubleLE(8), buffer.readDoubleLE(16)];
    this.add(new CellReader(bytes, 24).next(), { event, known, arrived });
  }
  toBytes(): Uint8Array {
    if (this.#at === undefined) return new Uint8Array(0);
    const { event, known, arrived } = this.#at;
    return Buffer.concat([numberBytes([event, known, arrived]), cellBytes(this.cell)]);
  }
}

function isBefore(a: Moment, b: Moment): boolean {
  if (a.event !== b.event) return a.event < b.event;
  return a.known === b.known ? a.arrived < b.arrived : a.known < b.known;
}
