/**
 * Seconds per tree and peak memory of boosted trees on synthetic rows that are made batch by batch, never held:
 *
 *   node --conditions=@ashlar/source packages/compute/bench/boosted-trees.ts [rows] [trees] [workers]
 */
import { trainBoostedTrees, type RecordBatchLike } from "../src/train/index.ts";

const rows = Number(process.argv[2] ?? 2_500_000);
const rounds = Number(process.argv[3] ?? 20);
const workers = Number(process.argv[4] ?? 2);
const features = 53;
const batchRows = 50_000;

function* batches(): Generator<RecordBatchLike> {
  for (let first = 0; first < rows; first += batchRows) yield batch(first, Math.min(batchRows, rows - first));
}

function batch(first: number, count: number): RecordBatchLike {
  let state = (first * 2_654_435_761 + 12_345) >>> 0;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
  const columns = new Map<string, Float32Array>();
  const score = new Float32Array(count);
  for (let f = 0; f < features; f++) {
    const values = Float32Array.from({ length: count }, () => (random() < 0.05 ? Number.NaN : random() * 2 - 1));
    columns.set(`f${f}`, values);
    for (let i = 0; i < count; i++)
      score[i]! += Number.isNaN(values[i]!) ? 0.1 : Math.sin(values[i]! * (1 + (f % 7))) / (1 + f / 4);
  }
  columns.set(
    "label",
    score.map((value) => (random() < 1 / (1 + Math.exp(-value)) ? 1 : 0)),
  );
  return {
    numRows: count,
    schema: { fields: [...columns.keys()].map((name) => ({ name })) },
    getChild: (name) => {
      const values = columns.get(name);
      if (values === undefined) return null;
      return { length: count, nullCount: 0, get: (i) => values[i], toArray: () => values };
    },
  };
}

const began = performance.now();
let firstTree = 0;
let cpuAtFirst = process.cpuUsage();
const model = await trainBoostedTrees({
  data: batches,
  label: "label",
  workers,
  rounds,
  onProgress: ({ round, loss, seconds }) => {
    if (round === 1) {
      firstTree = seconds;
      cpuAtFirst = process.cpuUsage();
    }
    process.stdout.write(`tree ${round}: loss ${loss.toFixed(5)} at ${seconds.toFixed(1)} s\n`);
  },
});
const { seconds } = model.summary;
const { user, system } = process.cpuUsage(cpuAtFirst);
process.stdout.write(
  `${JSON.stringify({
    rows,
    features,
    workers,
    trees: rounds,
    prepareSeconds: (performance.now() - began) / 1000 - seconds,
    secondsPerTree: (seconds - firstTree) / (rounds - 1),
    // Of all threads, and with the export at the end.
    cpuSecondsPerTree: (user + system) / 1e6 / (rounds - 1),
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  })}\n`,
);
