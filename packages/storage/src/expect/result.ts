import type { Expectation } from "./expectation.ts";

/** What became of one expectation in one write. */
export interface ExpectationResult {
  readonly name: string;
  /** `between`, `unique`, ...; `custom` for one of your own. */
  readonly kind: string;
  /** `skipped`: one on all rows together, which is not held against an update. */
  readonly outcome: "passed" | "warned" | "quarantined" | "skipped";
  /** Rows that were looked at; for an expectation on all rows together, those that stayed. */
  readonly checked: number;
  /** Rows that break it; 1 for an expectation on all rows together that does not hold. */
  readonly violations: number;
  /** What was found of all rows together; null when there was nothing to judge. */
  readonly observed?: number | string | null;
}

/** The results of the expectations of one version of a table. */
export interface ExpectationRecord {
  readonly version: number;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  /** Whose write it was: the same as `_run` in the quarantine. */
  readonly run: string;
  readonly results: readonly ExpectationResult[];
}

export function skipped({ name, kind = "custom" }: Expectation): ExpectationResult {
  return { name, kind, outcome: "skipped", checked: 0, violations: 0 };
}

const resultsKey = "ashlar.expectations";
const runKey = "ashlar.run";

/** What stands in the `commitInfo` of a version: the results are JSON text, as Delta's own operation parameters are. */
export function commitInfoOf(run: string, results: readonly ExpectationResult[]): Readonly<Record<string, string>> {
  return results.length === 0 ? {} : { [runKey]: run, [resultsKey]: JSON.stringify(results) };
}

/** Undefined for a version that was written without expectations, or by somebody who notes none. */
export function recordOf(entry: {
  readonly version: number;
  readonly timestamp: number;
  readonly info: Readonly<Record<string, unknown>>;
}): ExpectationRecord | undefined {
  const { [resultsKey]: text, [runKey]: run } = entry.info;
  if (typeof text !== "string") return undefined;
  try {
    const results = JSON.parse(text) as readonly ExpectationResult[];
    if (!Array.isArray(results)) return undefined;
    return { version: entry.version, timestamp: entry.timestamp, run: typeof run === "string" ? run : "", results };
  } catch {
    return undefined;
  }
}
