import type { BoundKernel } from "./kernel.ts";
import type { Program } from "./program.ts";
import type { Tensor } from "./tensor.ts";

/** A way to compute. Bring your own: name it and open it, and run `describeKernelBackend` of `@ashlar/compute/testing`. */
export interface KernelBackend {
  readonly name: string;
  /** Looks whether it can work on this machine and gets ready; a reason when it cannot. It does not throw. */
  open(): Promise<BackendState>;
}

export type BackendState =
  | { readonly available: true; readonly engine: KernelEngine }
  | { readonly available: false; readonly reason: string };

/** A program with its inputs, none of whose shapes has a zero. */
export type Call = Pick<BoundKernel<unknown>, "program" | "tensors" | "shapes" | "work">;

export interface KernelEngine {
  /** `unspecified` when NaN and infinities among the inputs may give anything: it is then passed over for them. */
  readonly nonFinite: "ieee" | "unspecified";
  /** Why it cannot run this program, or null when it can. */
  refuses(program: Program): string | null;
  /** What the time grows with, when that is not {@link Call.work}. */
  steps?(call: Call): number;
  /** The results, in memory of their own. Whatever it throws makes the runtime use another backend. */
  run(call: Call): Promise<readonly Tensor[]>;
  close(): Promise<void>;
}

/** Turns whatever opening threw into the reason. */
export async function openOrExplain(open: () => Promise<KernelEngine>): Promise<BackendState> {
  try {
    return { available: true, engine: await open() };
  } catch (error) {
    return { available: false, reason: reasonOf(error) };
  }
}

/** The first line of what was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}
