/**
 * Rows are always cut into this many shards, whatever the number of workers, and sums over shards are always taken in
 * the same tree: so 1, 2 or 4 workers compute the same bits.
 */
export const VIRTUAL_SHARDS = 16;

/** Cells of the control words that all workers share. */
const ARRIVED = 0;
const GENERATION = 1;
const STOPPED = 2;
const CONTROL_WORDS = 3;

/** Long enough to meet a peer that is about to arrive, short enough to leave a shared core to it. */
const SPINS = 200;

/** Thrown in a worker whose peers were stopped; never leaves the worker pool. */
export class StoppedByPeer extends Error {}

/** Thrown in every worker alike when the loss is no longer a number. */
export class Diverged extends Error {
  readonly step: number;
  readonly loss: number;

  constructor(step: number, loss: number) {
    super(`loss ${loss} at step ${step}`);
    this.step = step;
    this.loss = loss;
  }
}

/** A half-open range of row or cell numbers. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export function createControl(): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_WORDS * 4);
}

/** Frees every worker from its barrier; each then throws {@link StoppedByPeer}. */
export function stopAll(control: SharedArrayBuffer): void {
  const words = new Int32Array(control);
  Atomics.store(words, STOPPED, 1);
  Atomics.add(words, GENERATION, 1);
  Atomics.notify(words, GENERATION);
}

/** Part `index` of `parts` nearly equal parts of 0..length-1. */
export function slice(length: number, index: number, parts: number): Range {
  return { start: Math.floor((length * index) / parts), end: Math.floor((length * (index + 1)) / parts) };
}

/** One worker's end of the group: who it is, which shards are its own, and where it waits for the others. */
export class WorkerGroup {
  readonly rank: number;
  readonly size: number;
  /** Shards of this worker. */
  readonly shards: Range;
  readonly #control: Int32Array;

  constructor(rank: number, size: number, control: SharedArrayBuffer) {
    this.rank = rank;
    this.size = size;
    this.shards = slice(VIRTUAL_SHARDS, rank, size);
    this.#control = new Int32Array(control);
  }

  /** The consecutive rows of all this worker's shards. */
  ownRows(rows: number): Range {
    const { start, end } = this.shards;
    return {
      start: slice(rows, start, VIRTUAL_SHARDS).start,
      end: start === end ? slice(rows, start, VIRTUAL_SHARDS).start : slice(rows, end - 1, VIRTUAL_SHARDS).end,
    };
  }

  /** Returns when all workers have called it; what each wrote before is then visible to all. */
  barrier(): void {
    const control = this.#control;
    const generation = Atomics.load(control, GENERATION);
    if (Atomics.load(control, STOPPED) === 1) throw new StoppedByPeer();
    if (Atomics.add(control, ARRIVED, 1) === this.size - 1) {
      Atomics.store(control, ARRIVED, 0);
      Atomics.add(control, GENERATION, 1);
      Atomics.notify(control, GENERATION);
    } else {
      for (let i = 0; i < SPINS && Atomics.load(control, GENERATION) === generation; i++);
      while (Atomics.load(control, GENERATION) === generation) Atomics.wait(control, GENERATION, generation);
    }
    if (Atomics.load(control, STOPPED) === 1) throw new StoppedByPeer();
  }
}

/** Shared memory for sums of `width` numbers: one row for each shard and one for the result. */
export function createShardSums(width: number): SharedArrayBuffer {
  return new SharedArrayBuffer((VIRTUAL_SHARDS + 1) * width * 8);
}

/**
 * All-reduce over the virtual shards: each worker fills the rows of its own shards, sums a slice of the columns over all
 * shards, and then sees the whole result (reduce-scatter and all-gather, through shared memory).
 */
export class ShardSums {
  readonly #group: WorkerGroup;
  readonly #rows: readonly Float64Array[];

  constructor(group: WorkerGroup, memory: SharedArrayBuffer) {
    const width = memory.byteLength / 8 / (VIRTUAL_SHARDS + 1);
    this.#group = group;
    this.#rows = Array.from({ length: VIRTUAL_SHARDS + 1 }, (_, i) => new Float64Array(memory, i * width * 8, width));
  }

  /** The row of a shard, to be filled by its worker before {@link reduce}. */
  shard(index: number): Float64Array {
    return this.#rows[index]!;
  }

  /** The sum over shards, in the same order for any number of workers. Valid until the next call. */
  reduce(): Float64Array {
    const result = this.#rows[VIRTUAL_SHARDS]!;
    this.#group.barrier();
    const { start, end } = slice(result.length, this.#group.rank, this.#group.size);
    sumTree(this.#rows, result, start, end);
    this.#group.barrier();
    return result;
  }
}

/** Pairs, then pairs of pairs: ((0+1)+(2+3))+... */
function sumTree(rows: readonly Float64Array[], result: Float64Array, start: number, end: number): void {
  const partial = new Float64Array(VIRTUAL_SHARDS);
  for (let i = start; i < end; i++) {
    for (let s = 0; s < VIRTUAL_SHARDS; s++) partial[s] = rows[s]![i]!;
    for (let span = 1; span < VIRTUAL_SHARDS; span *= 2) {
      for (let s = 0; s < VIRTUAL_SHARDS; s += 2 * span) partial[s] = partial[s]! + partial[s + span]!;
    }
    result[i] = partial[0]!;
  }
}
