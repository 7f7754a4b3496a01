import { accumulate, type HistogramLayout } from "./tree-histogram.ts";
import { moduleBytes } from "./leaf-rows.wasm.ts";

/** A worker's rows while a tree grows: their order and gradients, and what is done to the rows of a leaf. */
export interface LeafRows {
  /** Row numbers, leaf by leaf. */
  readonly order: Int32Array;
  readonly gradients: Int32Array;
  readonly hessians: Int32Array;
  /** Sums the rows `order[start..end - 1]`. The result is overwritten by the next call. */
  sum(start: number, end: number): Float64Array;
  /**
   * Puts the rows `order[start..end - 1]` that go left before those that go right, each in its old order, and gives the
   * place of the first of the latter. Rows go left whose bin of the feature is at most `bin`, or is `missing`.
   */
  partition(start: number, end: number, feature: number, bin: number, missing: number): number;
}

/**
 * Rows in WebAssembly with vectors where there is such a thing, else in plain JavaScript: sums of whole numbers, the same
 * bits either way.
 *
 * @param bins this worker's rows, row-major
 * @param memory what the bins lie in, when WebAssembly can read them
 */
export function leafRows(
  layout: HistogramLayout,
  rows: number,
  bins: Uint8Array<SharedArrayBuffer>,
  memory: WebAssembly.Memory | undefined,
): LeafRows {
  const bytes = addressesOf(layout, rows).end;
  if (memory === undefined || bytes > 2 ** 32) return plainRows(layout, rows, bins);
  try {
    return wasmRows(layout, rows, bins, memory);
  } catch (error) {
    // An engine without vectors, or a system that grants no such memory.
    if (error instanceof WebAssembly.CompileError || error instanceof RangeError) {
      return plainRows(layout, rows, bins);
    }
    throw error;
  }
}

/** @see leafRows */
export function plainRows(layout: HistogramLayout, rows: number, bins: Uint8Array): LeafRows {
  const order = new Int32Array(rows);
  const gradients = new Int32Array(rows);
  const hessians = new Int32Array(rows);
  const cells = new Float64Array(layout.cells);
  const spare = new Int32Array(rows);
  return {
    order,
    gradients,
    hessians,
    sum(start, end) {
      cells.fill(0);
      accumulate(cells, layout, bins, order, start, end, gradients, hessians);
      return cells;
    },
    partition(start, end, feature, bin, missing) {
      let left = start;
      let right = 0;
      for (let i = start; i < end; i++) {
        const row = order[i]!;
        const found = bins[row * layout.features + feature]!;
        if (found <= bin || found === missing) order[left++] = row;
        else spare[right++] = row;
      }
      order.set(spare.subarray(0, right), left);
      return left;
    },
  };
}

interface Loops {
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
  readonly partition: (
    order: number,
    end: number,
    spare: number,
    firstBin: number,
    features: number,
    last: number,
    missing: number,
  ) => number;
}

/** Bytes of the order that are looked through before their rows are added: sixteen rows. */
const AHEAD = 64;

/** @see leafRows */
export function wasmRows(
  layout: HistogramLayout,
  rows: number,
  bins: Uint8Array<SharedArrayBuffer>,
  memory: WebAssembly.Memory,
): LeafRows {
  const at = addressesOf(layout, rows);
  const own = new WebAssembly.Memory({ initial: Math.ceil(at.end / 65_536) });
  const imports = { trees: { own, bins: memory } };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()), imports);
  const loop = exports as { [Name in keyof Loops]: Loops[Name] } & WebAssembly.Exports;
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
    partition(start, end, feature, bin, missing) {
      const [from, to] = [at.order + 4 * start, at.order + 4 * end];
      const first = bins.byteOffset + feature;
      return (loop.partition(from, to, at.spare, first, layout.features, bin, missing) - at.order) / 4;
    },
  };
}

function addressesOf(
  layout: HistogramLayout,
  rows: number,
): Record<"cells" | "offsets" | "order" | "gradients" | "hessians" | "spare" | "end", number> {
  const cells = 0;
  const offsets = cells + 8 * layout.cells;
  const order = offsets + 4 * layout.features;
  const gradients = order + 4 * rows;
  const hessians = gradients + 4 * rows;
  const spare = hessians + 4 * rows;
  return { cells, offsets, order, gradients, hessians, spare, end: spare + 4 * rows + 4 };
}
