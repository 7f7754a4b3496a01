import type { MatrixProduct } from "./kernels.ts";

/** A way to multiply matrices. Bring your own: name it and open it. */
export interface KernelBackend {
  readonly name: string;
  /** Looks whether it can work on this machine and gets ready; a reason when it cannot. It does not throw. */
  open(): Promise<BackendState>;
}

export type BackendState =
  | { readonly available: true; readonly multiply: MatrixProduct; readonly close: () => Promise<void> }
  | { readonly available: false; readonly reason: string };

/** Turns whatever opening threw into the reason. */
export async function openOrExplain(open: () => Promise<BackendState>): Promise<BackendState> {
  try {
    return await open();
  } catch (error) {
    return { available: false, reason: error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error) };
  }
}
