import { type LogMethod, silentLogger } from "@ashlar/core";
import type { RecordBatch } from "apache-arrow";
import type { Expectation, Severity } from "../src/expect/expectation.ts";
import { inspection } from "../src/expect/inspection.ts";
import type { ExpectationResult } from "../src/expect/result.ts";
import { columnsOf } from "../src/parquet/column.ts";

export interface InspectedRows {
  readonly results: readonly ExpectationResult[];
  /** Row numbers over all batches. */
  readonly setAside: ReadonlyMap<number, readonly string[]>;
  readonly warnings: readonly unknown[];
}

/** Holds expectations against batches, as a write of them to a table with some rows before would. */
export async function inspectRows(
  expectations: readonly Expectation[],
  batches: readonly RecordBatch[],
  options: { readonly onViolation?: Severity; readonly before?: readonly RecordBatch[]; readonly now?: number } = {},
): Promise<InspectedRows> {
  const { onViolation = "quarantine", before, now = 0 } = options;
  const warnings: unknown[] = [];
  const warn: LogMethod = (...args: readonly unknown[]) => void warnings.push(args[0]);
  const types = new Map(batches.slice(0, 1).flatMap((batch) => columnsOf(batch).map(({ name, type }) => [name, type])));
  const previous =
    before === undefined
      ? undefined
      : async function* (): AsyncGenerator<RecordBatch> {
          yield* before;
        };
  const inspecting = await inspection(expectations, {
    table: "t",
    types,
    now,
    previous,
    onViolation,
    logger: { ...silentLogger, warn },
  });
  const setAside = new Map<number, readonly string[]>();
  let first = 0;
  for (const batch of batches) {
    const { quarantined } = inspecting.inspect(batch);
    const numbers = columnsOf(quarantined?.rows ?? batch.slice(0, 0)).find(({ name }) => name === "row");
    for (const [index, reasons] of (quarantined?.reasons ?? []).entries()) {
      setAside.set(Number(numbers?.get(index) ?? first + index), reasons);
    }
    first += batch.numRows;
  }
  return { results: inspecting.finish(), setAside, warnings };
}
