/** A moment in epoch microseconds: a `Date` has only milliseconds. */
export class Instant {
  readonly micros: number;

  constructor(micros: number) {
    this.micros = micros;
  }
}

/** What an event holds in a column. */
export type EventCell = string | number | bigint | boolean | Instant | Float32Array | null;
