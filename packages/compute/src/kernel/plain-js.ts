import type { Call, KernelBackend, KernelEngine } from "./backend.ts";
import { evaluate } from "./program.ts";
import type { Tensor } from "./tensor.ts";

/** Plain typed arrays: the reference form of every operation. Always there; every other backend is checked against it. */
export function plainJs(): KernelBackend {
  return { name: "plain-js", open: async () => ({ available: true, engine: plainEngine }) };
}

export const plainEngine: KernelEngine = {
  nonFinite: "ieee",
  refuses: () => null,
  run: async (call) => runPlain(call),
  close: async () => {},
};

export function runPlain({ program, tensors }: Pick<Call, "program" | "tensors">): readonly Tensor[] {
  return evaluate(program, tensors, (operation, inputs) => operation.reference(inputs));
}
