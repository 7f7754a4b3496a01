import { answered, type Outputs } from "./pending-request.ts";
import type { PreparedInputs } from "./request.ts";
import type { Servable } from "./servable.ts";
import type { NumericTensorData, Tensor, TypedTensor } from "./tensor.ts";

/** What a version gave for requests that another one answered. */
export interface ShadowReport {
  readonly version: string;
  /** Requests that both versions answered. */
  readonly compared: number;
  /** Of these, those in which an output differs in shape or by more than `tolerance`. */
  readonly different: number;
  /** Requests that this version failed. */
  readonly failures: number;
  /** The greatest absolute difference of two numbers, by output; NaN beside a number counts as infinite. */
  readonly maxDifference: Readonly<Record<string, number>>;
  /** The message of the last failure. */
  readonly lastFailure: string | null;
}

export interface ShadowOptions {
  /** Share of the requests that are copied, above 0 and up to 1. */
  readonly share: number;
  /** Differences up to this are no difference. Default 1e-6. */
  readonly tolerance?: number;
  /** Copies that may be under way at a time; more are left out, so that a slow version slows nobody. Default 64. */
  readonly maxPending?: number;
}

/** Copies live requests to a version that answers nobody, and compares what it would have answered. */
export class Shadow {
  readonly target: Servable;
  readonly #options: Required<ShadowOptions>;
  readonly #maxDifference: Record<string, number> = {};
  #credit = 0;
  #pending = 0;
  #compared = 0;
  #different = 0;
  #failures = 0;
  #lastFailure: string | null = null;
  readonly #onChange: () => void;

  constructor(target: Servable, options: ShadowOptions, onChange: () => void = () => {}) {
    this.target = target;
    this.#options = { tolerance: 1e-6, maxPending: 64, ...options };
    this.#onChange = onChange;
  }

  get report(): ShadowReport {
    return {
      version: this.target.version,
      compared: this.#compared,
      different: this.#different,
      failures: this.#failures,
      maxDifference: { ...this.#maxDifference },
      lastFailure: this.#lastFailure,
    };
  }

  /** Whether the next request is to be copied; then `copyInputs` must be taken before it is sent. */
  wants(): boolean {
    this.#credit += this.#options.share;
    if (this.#credit < 1 || this.#pending >= this.#options.maxPending) return false;
    this.#credit -= 1;
    return true;
  }

  /** Sends a copied request, at the lowest priority, and compares. Never throws and never makes the caller wait. */
  async mirror(inputs: PreparedInputs, answer: Promise<Outputs>): Promise<void> {
    this.#pending++;
    try {
      const [expected, given] = await Promise.allSettled([
        answer,
        answered((receiver) => this.target.submit(inputs, { priority: 9 }, receiver)),
      ]);
      if (given.status === "rejected") {
        this.#failures++;
        this.#lastFailure = String((given.reason as Error | undefined)?.message ?? given.reason);
      } else if (expected.status === "fulfilled") this.#compare(expected.value, given.value);
    } finally {
      this.#pending--;
      this.#onChange();
    }
  }

  #compare(expected: Outputs, given: Outputs): void {
    this.#compared++;
    let worst = 0;
    for (const [name, tensor] of Object.entries(expected)) {
      const difference = greatestDifference(tensor, given[name]);
      this.#maxDifference[name] = Math.max(this.#maxDifference[name] ?? 0, difference);
      worst = Math.max(worst, difference);
    }
    if (worst > this.#options.tolerance) this.#different++;
  }
}

/** A request that stays whole when the buffers of the original are given away. */
export function copyInputs(inputs: PreparedInputs): PreparedInputs {
  const tensors = inputs.tensors.map(({ shape, data }): Tensor => {
    return { shape, data: ArrayBuffer.isView(data) ? (data as NumericTensorData).slice() : data };
  });
  return { ...inputs, tensors, owned: true, body: null };
}

/** Infinite when shapes or strings differ. Half floats are compared by their bits. */
function greatestDifference(expected: TypedTensor, given: TypedTensor | undefined): number {
  if (given === undefined || expected.shape.join() !== given.shape.join()) return Number.POSITIVE_INFINITY;
  let greatest = 0;
  for (let index = 0; index < expected.data.length; index++) {
    const a = expected.data[index];
    const b = given.data[index];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const difference = typeof a === "string" ? Number.POSITIVE_INFINITY : Math.abs(Number(a) - Number(b));
    greatest = Math.max(greatest, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  }
  return greatest;
}
