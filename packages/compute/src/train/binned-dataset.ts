import { checkClasses, type DatasetOptions, isRead, readFeature, readLabels, rowsChanged, survey } from "./dataset.ts";
import type { Dataset } from "./dataset.ts";
import { boundedInteger } from "./hyperparameter.ts";
import { seededRandom } from "./random.ts";
import { sharedBytes } from "./shared-bytes.ts";
import { openTable, type Pass, type TableSource } from "./table.ts";

export interface BinningOptions extends DatasetOptions {
  /** Most bins for each feature, 2 to 255; missing values have one more of their own. @default 255 */
  readonly maxBins?: number;
  /** Rows drawn (without replacement) to find the quantiles. @default 100,000 */
  readonly sampleRows?: number;
  /** Of the draw. @default 0 */
  readonly seed?: number;
  /** Use the bins of this data set: for validation data. */
  readonly like?: BinnedDataset;
}

/** Rows as bin numbers, one byte for each value: all that boosted trees need. */
export interface BinnedDataset {
  readonly kind: "binned";
  readonly features: readonly string[];
  readonly label: string;
  readonly rows: number;
  /**
   * For each feature the ascending upper edges of all bins but the last, each exactly a float32: value x is in bin b
   * when it is the first with `x <= edges[b]`, in the last bin when there is none. Missing is bin `edges.length + 1`.
   */
  readonly edges: readonly Float32Array[];
  /** Row-major: feature f of row r is `bins[r * features.length + f]`. */
  readonly bins: Uint8Array<SharedArrayBuffer>;
  readonly labels: Uint8Array<SharedArrayBuffer>;
}

/**
 * Reads a table into bins without ever holding its numbers: one pass draws a sample and finds the quantiles, one
 * assigns the bins. Memory is rows x (features + 1) bytes, plus the sample. The rows and their order decide the result;
 * where batches begin does not.
 *
 * @throws DATASET_INVALID, LABEL_INVALID, HYPERPARAMETER_INVALID
 */
export async function binDataset(source: TableSource | Dataset, options: BinningOptions): Promise<BinnedDataset> {
  const maxBins = boundedInteger("maxBins", options.maxBins ?? 255, 2, 255);
  const sampleRows = boundedInteger("sampleRows", options.sampleRows ?? 100_000, 1, 10_000_000);
  const pass = isRead(source) ? datasetPass(source) : await openTable(source, options.signal);
  const wanted = options.like === undefined ? options : { ...options, features: options.like.features };
  const { features, rows, edges } =
    options.like === undefined
      ? await findEdges(pass, options, maxBins, sampleRows)
      : { ...(await survey(pass, wanted)), edges: options.like.edges };

  const bins = sharedBytes(rows * features.length);
  const labels = new Uint8Array(new SharedArrayBuffer(rows));
  let first = 0;
  for await (const chunk of pass()) {
    if (first + chunk.rows > rows) throw rowsChanged(rows);
    labels.set(readLabels(chunk, options.label, first), first);
    for (let f = 0; f < features.length; f++) {
      assignBins(
        readFeature(chunk, features[f]!, first),
        edges[f]!,
        bins,
        first * features.length + f,
        features.length,
      );
    }
    first += chunk.rows;
    options.signal?.throwIfAborted();
  }
  if (first !== rows) throw rowsChanged(rows);
  if (options.like === undefined) checkClasses(labels, options.label);
  return { kind: "binned", features, label: options.label, rows, edges, bins, labels };
}

/** Reservoir sampling (Vitter, algorithm R), then quantiles of the sample. Counts the rows on the way. */
async function findEdges(
  pass: Pass,
  options: BinningOptions,
  maxBins: number,
  sampleRows: number,
): Promise<{ readonly features: readonly string[]; readonly rows: number; readonly edges: Float32Array[] }> {
  const random = seededRandom(options.seed ?? 0, 0x5a3d);
  let sample: Float32Array[] = [];
  const { features, rows } = await survey(pass, options, (chunk, features, seen) => {
    const chosen = chooseSlots(chunk.rows, seen, sampleRows, random);
    const kept = Math.min(sampleRows, seen + chunk.rows);
    sample = features.map((name, f) => {
      const values = readFeature(chunk, name, seen);
      const column = resized(sample[f] ?? new Float32Array(0), kept);
      for (let i = 0; i < values.length; i++) if (chosen[i]! >= 0) column[chosen[i]!] = values[i]!;
      return column;
    });
  });
  return { features, rows, edges: sample.map((column) => quantileEdges(column, maxBins)) };
}

/** For each row its place in the sample, or -1. */
function chooseSlots(rows: number, seen: number, sampleRows: number, random: () => number): Int32Array {
  const slots = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    const slot = seen + i < sampleRows ? seen + i : Math.floor(random() * (seen + i + 1));
    slots[i] = slot < sampleRows ? slot : -1;
  }
  return slots;
}

function resized(column: Float32Array, length: number): Float32Array {
  if (column.length >= length) return column;
  const grown = new Float32Array(length);
  grown.set(column);
  return grown;
}

/**
 * At most `maxBins - 1` edges that part the values into bins of about equal count; one bin for each distinct value when
 * there are few. An edge is a float32 at least the largest value of its bin and below the smallest of the next, so that
 * comparing in float32, as ONNX does, puts every value on the side its bin is on.
 */
export function quantileEdges(values: Float32Array, maxBins: number): Float32Array {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const edges: number[] = [];
  const step = sorted.length / maxBins;
  let distinct = 0;
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) distinct += 1;
  const everyValue = distinct <= maxBins;
  let due = step;
  for (let i = 1; i < sorted.length && edges.length < maxBins - 1; i++) {
    const below = sorted[i - 1]!;
    const above = sorted[i]!;
    if (below === above || (!everyValue && i < due)) continue;
    edges.push(edgeBetween(below, above));
    due = i + step;
  }
  return Float32Array.from(edges);
}

function edgeBetween(below: number, above: number): number {
  const middle = Math.fround(below / 2 + above / 2);
  return middle >= below && middle < above ? middle : below;
}

function assignBins(values: Float32Array, edges: Float32Array, bins: Uint8Array, start: number, stride: number): void {
  const last = edges.length;
  let at = start;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= edges[middle]!) high = middle;
      else low = middle + 1;
    }
    bins[at] = value === value ? low : last + 1;
    at += stride;
  }
}

function datasetPass(dataset: Dataset): Pass {
  const { rows, values } = dataset;
  const step = 65_536;
  return async function* () {
    for (let first = 0; first < rows; first += step) {
      const end = Math.min(rows, first + step);
      yield {
        rows: end - first,
        names: [...dataset.features, dataset.label],
        read: (name) => {
          if (name === dataset.label) return Float32Array.from(dataset.labels.subarray(first, end));
          const f = dataset.features.indexOf(name);
          return f < 0 ? undefined : values.subarray(f * rows + first, f * rows + end);
        },
      };
    }
  };
}
