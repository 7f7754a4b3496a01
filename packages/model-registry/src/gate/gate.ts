import { registryError } from "../errors.ts";
import type { ModelVersion, VersionSignature } from "../version/version.ts";

/** What a gate found. It is kept in the history of the alias. */
export interface GateResult {
  /** Which gate, with its parameters, e.g. `beats(champion, auc)`. */
  readonly gate: string;
  readonly passed: boolean;
  /** What was measured; null when there was nothing to measure. */
  readonly value: number | string | null;
  /** What it had to reach; null when the gate has no bound. */
  readonly bound: number | string | null;
  /** One sentence for a person. */
  readonly reason: string;
}

/** What a gate may look at. All of it is of one moment: when an alias moves meanwhile, the gates are asked again. */
export interface GateContext {
  /** The alias that is to move. */
  readonly alias: string;
  /** The version it is to point to. */
  readonly candidate: ModelVersion;
  /** The version it points to now. */
  readonly current: ModelVersion | undefined;
  /** The version another alias of the same model points to now. */
  readonly versionAt: (alias: string) => Promise<ModelVersion | undefined>;
  /**
   * Verifies a version's signature with the trusted keys of the registry.
   *
   * @throws SIGNATURE_MISSING, SIGNATURE_INVALID; REQUEST_INVALID when it trusts no keys
   */
  readonly verifySignature: (version: ModelVersion) => Promise<VersionSignature>;
}

/** A condition of a promotion. It may be asked more than once, and must change nothing. */
export type Gate = (context: GateContext) => GateResult | Promise<GateResult>;

/** Asks every gate, in order, whatever the others found. A gate that throws has not passed. */
export async function evaluateGates(gates: readonly Gate[], context: GateContext): Promise<GateResult[]> {
  const results: GateResult[] = [];
  for (const [index, gate] of gates.entries()) results.push(await ask(gate, index, context));
  return results;
}

async function ask(gate: Gate, index: number, context: GateContext): Promise<GateResult> {
  const name = gate.name === "" ? `gate ${index + 1}` : gate.name;
  const failed = (reason: string): GateResult => ({ gate: name, passed: false, value: null, bound: null, reason });
  try {
    const result: Partial<GateResult> | undefined = await gate(context);
    if (typeof result?.passed !== "boolean") return failed("it gave no result with a field `passed`");
    const { passed, value = null, bound = null, reason = passed ? "passed" : "did not pass" } = result;
    return { gate: result.gate ?? name, passed, value, bound, reason };
  } catch (error) {
    return failed(`it threw: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** @throws GATE_FAILED naming the first that did not pass; its details carry the results of all */
export function assertPassed(results: readonly GateResult[]): void {
  const failed = results.find(({ passed }) => !passed);
  if (failed === undefined) return;
  const { gate, value, bound, reason } = failed;
  throw registryError("GATE_FAILED", { gate, value, bound, reason, results });
}
