/**
 * The rows of a leaf in WebAssembly beside plain JavaScript, by turns in one process, in CPU time of this thread:
 *
 *   node --conditions=@ashlar/source packages/compute/bench/leaf-rows.ts [rows]
 */
import { type LeafRows, plainRows, wasmRows } from "../src/train/leaf-rows.ts";
import { memoryOf, sharedBytes } from "../src/train/shared-bytes.ts";
import { histogramLayout } from "../src/train/tree-histogram.ts";

const rows = Number(process.argv[2] ?? 1_000_000);
const features = 53;
const rounds = 9;

let state = 1;
const random = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
const layout = histogramLayout(new Int32Array(features).fill(255));
const bins = sharedBytes(rows * features);
for (let i = 0; i < bins.length; i++) bins[i] = random() >>> 24;
const memory = memoryOf(bins);
if (memory === undefined) throw new RangeError(`${rows} rows are more than WebAssembly can address`);
const ways = { plain: plainRows(layout, rows, bins), wasm: wasmRows(layout, rows, bins, memory) };
for (const way of Object.values(ways)) {
  way.gradients.forEach((_, i) => (way.gradients[i] = i % 1000));
  way.hessians.fill(7);
}

function microseconds(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return user + system;
}

/** All rows as `leaves` leaves of equal size, each of rows that lie far apart. */
function compare(
  name: string,
  leaves: number,
  each: number,
  work: (rows: LeafRows, start: number, end: number) => void,
): void {
  const count = Math.floor(rows / leaves);
  const best = { plain: Number.POSITIVE_INFINITY, wasm: Number.POSITIVE_INFINITY };
  for (let round = 0; round < rounds; round++) {
    for (const way of ["plain", "wasm"] as const) {
      const own = ways[way];
      for (let i = 0; i < count * leaves; i++) own.order[i] = (i % count) * leaves + Math.floor(i / count);
      const spent = microseconds(() => {
        for (let leaf = 0; leaf < leaves; leaf++) work(own, leaf * count, (leaf + 1) * count);
      });
      best[way] = Math.min(best[way], spent);
    }
  }
  const time = (way: "plain" | "wasm"): string => `${((best[way] * 1000) / (count * leaves * each)).toFixed(2)} ns`;
  const ratio = (best.plain / best.wasm).toFixed(2);
  process.stdout.write(`${name}: plain JavaScript ${time("plain")}, WebAssembly ${time("wasm")}: ${ratio} times\n`);
}

for (const leaves of [1, 8, 64]) {
  compare(`sum ${leaves} leaves, a value`, leaves, features, (own, start, end) => own.sum(start, end));
  compare(`part ${leaves} leaves, a row`, leaves, 1, (own, start, end) => own.partition(start, end, 5, 127, -1));
}
