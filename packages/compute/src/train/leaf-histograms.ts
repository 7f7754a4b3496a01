import { accumulate, type HistogramLayout } from "./tree-histogram.ts";
import { moduleBytes } from "./tree-histogram.wasm.ts";

/** What a worker needs to sum the rows of a leaf: its rows' order and gradients, and the sums themselves. */
export interface LeafHistograms {
  /** Row numbers, leaf by leaf. */
  readonly order: Int32Array;
  readonly gradients: Int32Array;
  readonly hessians: Int32Array;
  /** Sums the rows `order[start..end - 1]`. The result is overwritten by the next call. */
  sum(start: number, end: number): Float64Array;
}

/**
 * Histograms by WebAssembly with vectors where there is such a thing, else in plain JavaScript: sums of whole numbers,
 * the same bits either way.
 *
 * @param bins this worker's rows, row-major
 * @param memory what the bins lie in, when WebAssembly can read them
 */
export function leafHistograms(
  layout: HistogramLayout,
  rows: number,
  bins: Uint8Array<SharedArrayBuffer>,
  memory: WebAssembly.Memory | undefined,
): LeafHistograms {
  const bytes = addressesOf(layout, rows).end;
  if (memory === undefined || bytes > 2 ** 32) return plainHistograms(layout, rows, bins);
  try {
    return wasmHistograms(layout, rows, bins, memory);
  } catch (error) {
    // An engine without vectors, or a system that grants no such memory.
    if (error instanceof WebAssembly.CompileError || error instanceof RangeError) {
      return plainHistograms(layout, rows, bins);
    }
    throw error;
  }
}

/** @see leafHistograms */
export function plainHistograms(layout: HistogramLayout, rows: number, bins: Uint8Array): LeafHistograms {
  const order = new Int32Array(rows);
  const gradients = new Int32Array(rows);
  const hessians = new Int32Array(rows);
  const cells = new Float64Array(layout.cells);
  return {
    order,
    gradients,
    hessians,
    sum(start, end) {
      cells.fill(0);
      accumulate(cells, layout, bins, order, start, end, gradients, hessians);
      return cells;
    },
  };
}

interface Accumulate {
  readonly accumulate: (
    order: number,
    end: number,
    gradients: number,
    hessians: number,
    firstBin: number,
    cells: number,
    features: number,
    ahead: number,
  ) => number;
}

/** Bytes of the order that are looked through before their rows are added: sixteen rows. */
const AHEAD = 64;

/** @see leafHistograms */
export function wasmHistograms(
  layout: HistogramLayout,
  rows: number,
  bins: Uint8Array<SharedArrayBuffer>,
  memory: WebAssembly.Memory,
): LeafHistograms {
  const at = addressesOf(layout, rows);
  const own = new WebAssembly.Memory({ initial: Math.ceil(at.end / 65_536) });
  const imports = { trees: { own, bins: memory } };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()), imports);
  const loop = exports as { [Name in keyof Accumulate]: Accumulate[Name] } & WebAssembly.Exports;
  const cells = new Float64Array(own.buffer, at.cells, layout.cells);
  new Int32Array(own.buffer, at.offsets, layout.features).set(layout.offsets.map((cell) => at.cells + 8 * cell));
  return {
    order: new Int32Array(own.buffer, at.order, rows),
    gradients: new Int32Array(own.buffer, at.gradients, rows),
    hessians: new Int32Array(own.buffer, at.hessians, rows),
    sum(start, end) {
      cells.fill(0);
      // Rows of a large leaf lie close to one another: the processor fetches them by itself.
      const ahead = 2 * (end - start) < rows ? AHEAD : 0;
      const [from, to] = [at.order + 4 * start, at.order + 4 * end];
      loop.accumulate(from, to, at.gradients, at.hessians, bins.byteOffset, at.offsets, layout.features, ahead);
      return cells;
    },
  };
}

function addressesOf(
  layout: HistogramLayout,
  rows: number,
): Record<"cells" | "offsets" | "order" | "gradients" | "hessians" | "end", number> {
  const cells = 0;
  const offsets = cells + 8 * layout.cells;
  const order = offsets + 4 * layout.features;
  const gradients = order + 4 * rows;
  const hessians = gradients + 4 * rows;
  return { cells, offsets, order, gradients, hessians, end: hessians + 4 * rows };
}
