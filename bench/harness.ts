import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One thing done in two ways. Both do the same work and give the figure in `unit`. */
export interface Pair {
  readonly name: string;
  readonly unit: string;
  readonly peerName: string;
  /** @default true */
  readonly higherIsBetter?: boolean;
  /** Measured rounds, after one that is thrown away. @default 5 */
  readonly rounds?: number;
  readonly ours: () => Promise<number>;
  readonly peer: () => Promise<number>;
}

/** A measured pair. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  /** The median of the rounds. */
  readonly ours: number;
  /** The median of the rounds. */
  readonly peer: number;
  readonly peerName: string;
  /** `ours / peer`, whichever direction is better. */
  readonly ratio: number;
  readonly higherIsBetter: boolean;
}

export interface Bench {
  /** Rows of the data sets, where a suite has one. */
  readonly rows: number;
  /** An empty folder, removed when the suite ends. */
  readonly folder: string;
  /** Measures a pair: the two ways take turns, and who begins changes from round to round. */
  pair(pair: Pair): Promise<void>;
}

export type Suite = (bench: Bench) => Promise<void>;

/** Runs one suite in a folder of its own. */
export async function run(
  suite: Suite,
  options: { readonly rows: number; readonly onRow: (row: Row) => void },
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-bench-"));
  try {
    await suite({ rows: options.rows, folder, pair: async (pair) => options.onRow(await measured(pair)) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measured({ rounds = 5, ...pair }: Pair): Promise<Row> {
  const figures = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    for (const way of round % 2 === 0 ? (["ours", "peer"] as const) : (["peer", "ours"] as const)) {
      globalThis.gc?.();
      const figure = await pair[way]();
      if (!(figure > 0)) throw new Error(`${pair.name}: ${way} gave ${figure}`);
      if (round > 0) figures[way].push(figure);
    }
  }
  const ours = median(figures.ours);
  const peer = median(figures.peer);
  const { name, unit, peerName, higherIsBetter = true } = pair;
  return { name, unit, ours, peer, peerName, ratio: ours / peer, higherIsBetter };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? Number.NaN)) / 2;
}

/** How many units a second `work` does, when one call of it does `units`. */
export async function perSecond(units: number, work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return (units * 1000) / (performance.now() - start);
}

export interface RateOptions {
  /** Callers at once, each with one call under way. @default 1 */
  readonly clients?: number;
  /** @default 400 */
  readonly milliseconds?: number;
  /** Units that one call does. @default 1 */
  readonly units?: number;
}

/** How many units a second are done when `work` is called again and again for a while. */
export async function rate(work: () => unknown, options: RateOptions = {}): Promise<number> {
  const { clients = 1, milliseconds = 400, units = 1 } = options;
  const start = performance.now();
  let calls = 0;
  const client = async (): Promise<void> => {
    for (; performance.now() - start < milliseconds; calls++) await work();
  };
  await Promise.all(Array.from({ length: clients }, client));
  return (calls * units * 1000) / (performance.now() - start);
}
