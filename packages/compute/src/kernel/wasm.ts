import { type Call, type KernelBackend, type KernelEngine, openOrExplain } from "./backend.ts";
import type { Operation } from "./operation.ts";
import { lengths, toCosine, toEuclidean } from "./operations/distance.ts";
import { evaluate } from "./program.ts";
import { type Simd, simd } from "./simd.ts";
import type { Matrix, Tensor } from "./tensor.ts";

/** Operations whose inner loops are written for the vector instructions of WebAssembly; others run in plain JS. */
const accelerated = new Set(["matmul", "distance", "softmax", "histogram"]);

/** WebAssembly with vectors of four floats, on the calling thread: what is fast where nothing native is installed. */
export function wasmSimd(): KernelBackend {
  return {
    name: "wasm",
    open: () => openOrExplain(async () => new WasmEngine(await simd())),
  };
}

class WasmEngine implements KernelEngine {
  readonly nonFinite = "ieee";
  readonly #simd: Simd;

  constructor(loops: Simd) {
    this.#simd = loops;
  }

  refuses({ nodes }: Call["program"]): string | null {
    const some = nodes.some(({ operation }) => accelerated.has(operation.name));
    return some ? null : `${nodes.map(({ operation }) => operation.name).join(", ")} run in plain JS`;
  }

  async run({ program, tensors }: Call): Promise<readonly Tensor[]> {
    return evaluate(program, tensors, (operation, inputs) => this.#apply(operation, inputs));
  }

  async close(): Promise<void> {}

  #apply(operation: Operation, inputs: readonly Tensor[]): readonly Tensor[] {
    const [a, b, ...columns] = inputs as readonly [Tensor, Tensor, ...Tensor[]];
    if (operation.name === "matmul") return [this.#simd.multiply(a, b, "columns")];
    if (operation.name === "softmax") return [this.#simd.softmax(a)];
    if (operation.name === "distance") {
      const distances = this.#distance(a, b, operation.parameters["metric"]);
      return distances === undefined ? operation.reference(inputs) : [distances];
    }
    const bins = Number(operation.parameters["bins"]);
    if (operation.name === "histogram" && bins <= 256) return this.#simd.histogram(a, b, columns, bins);
    return operation.reference(inputs);
  }

  /** Undefined when there are lengths whose products float32 does not hold: these need the definition itself. */
  #distance(a: Tensor, b: Tensor, metric: unknown): Matrix | undefined {
    if (metric === "dot") return this.#simd.multiply(a, b, "rows");
    const left = lengths(a);
    const right = lengths(b);
    if (!left.every(isMultipliable) || !right.every(isMultipliable)) return undefined;
    const products = this.#simd.multiply(a, b, "rows");
    if (metric === "cosine") toCosine(products, left, right);
    else toEuclidean(products, left, right);
    return products;
  }
}

/** Products of two such lengths are far from the ends of float32. */
function isMultipliable(length: number): boolean {
  return length === 0 || (length > 1e-15 && length < 1e18);
}
