import { type EventCell, Instant } from "../push/instant.ts";
import { hashInteger, hashNumber, hashText } from "../sketch/hash.ts";
import { HyperLogLog } from "../sketch/hyperloglog.ts";
import { QuantileSketch } from "../sketch/quantile-sketch.ts";
import type { PartialResult } from "./partial-result.ts";

/** About how many different values there are. */
export class DistinctEstimate implements PartialResult {
  readonly sketch: HyperLogLog;

  constructor(precision: number) {
    this.sketch = new HyperLogLog(precision);
  }
  add(cell: EventCell): void {
    if (cell === null) return;
    if (typeof cell === "string") this.sketch.add(hashText(cell));
    else if (typeof cell === "bigint") this.sketch.add(hashInteger(cell));
    else this.sketch.add(hashNumber(cell instanceof Instant ? cell.micros : Number(cell)));
  }
  merge(bytes: Uint8Array): void {
    this.sketch.merge(bytes);
  }
  toBytes(): Uint8Array {
    return this.sketch.toBytes();
  }
}

/** About where the values lie. */
export class QuantileEstimate implements PartialResult {
  readonly sketch: QuantileSketch;

  constructor(bits: number) {
    this.sketch = new QuantileSketch(bits);
  }
  add(cell: EventCell): void {
    if (cell !== null) this.sketch.add(Number(cell));
  }
  merge(bytes: Uint8Array): void {
    this.sketch.merge(bytes);
  }
  toBytes(): Uint8Array {
    return this.sketch.toBytes();
  }
}
