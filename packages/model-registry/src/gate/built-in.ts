import { invalid } from "../name.ts";
import type { Gate, GateContext, GateResult } from "./gate.ts";

// Metrics are printed in decimals: 0.759 must beat 0.757 by 0.002, which in binary falls short by 1e-17.
const rounding = 1e-12;

/** The metric that {@link parityBelow} reads: the largest absolute difference between trainer and exported model. */
const parityMetric = "parity.maxAbsDiff";

export interface BeatsOptions {
  /** By how much at least; with 0, any difference will do. @default 0 */
  readonly by?: number;
  /** @default true */
  readonly higherIsBetter?: boolean;
  /** What to find when nothing has the alias. @default "pass" */
  readonly whenAbsent?: "pass" | "fail";
}

/** Passes when a metric of the candidate is better than that of the version an alias points to. */
export function beats(alias: string, metric: string, options: BeatsOptions = {}): Gate {
  const { by = 0, higherIsBetter = true, whenAbsent = "pass" } = options;
  if (!Number.isFinite(by) || by < 0) throw invalid("margin of beats", by, "it must be a finite number from 0");
  const gate = `beats(${alias}, ${metric})`;
  return async (context) => {
    const value = context.candidate.metrics[metric] ?? null;
    const rival = await context.versionAt(alias);
    if (value === null) return missing(gate, metric, context);
    if (rival === undefined) {
      return { gate, passed: whenAbsent === "pass", value, bound: null, reason: `nothing has the alias "${alias}"` };
    }
    const standing = rival.metrics[metric];
    if (standing === undefined) {
      const reason = `version ${rival.number}, which has the alias "${alias}", has no metric "${metric}"`;
      return { gate, passed: false, value, bound: null, reason };
    }
    const bound = higherIsBetter ? standing + by : standing - by;
    const gain = higherIsBetter ? value - standing : standing - value;
    const passed = gain > 0 && gain + rounding >= by;
    const verb = passed ? "beats" : "does not beat";
    return {
      gate,
      passed,
      value,
      bound,
      reason: `${metric} ${value} ${verb} ${standing} of version ${rival.number} by ${by}`,
    };
  };
}

/** Passes when a metric is at least `bound`. */
export function metricAtLeast(metric: string, bound: number): Gate {
  return compare(`metricAtLeast(${metric})`, metric, bound, (value) => value >= bound, "at least");
}

/** Passes when a metric is at most `bound`. */
export function metricAtMost(metric: string, bound: number): Gate {
  return compare(`metricAtMost(${metric})`, metric, bound, (value) => value <= bound, "at most");
}

/** Passes when the exported model differs from the trainer by less than `bound`: metric `parity.maxAbsDiff`. */
export function parityBelow(bound: number): Gate {
  return compare(`parityBelow(${bound})`, parityMetric, bound, (value) => value >= 0 && value < bound, "below");
}

/** Passes when the version has an ONNX file. A broken one is never registered. */
export function hasOnnx(): Gate {
  return ({ candidate }) => {
    const value = candidate.files.find(({ onnx }) => onnx !== undefined)?.name ?? null;
    const reason = value === null ? "the version has no ONNX file" : `the version has ${value}`;
    return { gate: "hasOnnx", passed: value !== null, value, bound: null, reason };
  };
}

function compare(gate: string, metric: string, bound: number, holds: (value: number) => boolean, rule: string): Gate {
  if (!Number.isFinite(bound)) throw invalid(`bound of ${gate}`, bound, "it must be a finite number");
  return (context) => {
    const value = context.candidate.metrics[metric];
    if (value === undefined) return { ...missing(gate, metric, context), bound };
    const passed = holds(value);
    return { gate, passed, value, bound, reason: `${metric} ${value} is ${passed ? "" : "not "}${rule} ${bound}` };
  };
}

function missing(gate: string, metric: string, { candidate }: GateContext): GateResult {
  const reason = `version ${candidate.number} has no metric "${metric}"`;
  return { gate, passed: false, value: null, bound: null, reason };
}
