import { isAshlarError } from "@ashlar/core";
import type { TableSource } from "@ashlar/feature-store";
import type { ProfileSubject } from "@ashlar/feature-store/registry";
import { type Batches, driftBetween } from "@ashlar/feature-store/validate";
import type { LakeTable } from "@ashlar/storage/lake";
import type { RecordBatch } from "apache-arrow";
import { evenSample } from "../../flights/batches.ts";
import { modelFeatures } from "../../flights/features.ts";
import { keepProfiles } from "../../flights/keep-profiles.ts";
import { labelSource } from "../../flights/labels.ts";
import type { FeatureWorkspace } from "./open.ts";
import { type Outcome, textTable } from "./outcome.ts";

export interface DriftOptions {
  /** Epoch milliseconds: flights before it are what was trained on, those from it on are compared with them. */
  readonly split: number;
  /** Of how many flights one is taken. */
  readonly every: number;
  /** Keep profiles of what was compared in the registry, by version of each view. */
  readonly record: boolean;
}

/** Compares the features of flights before and after a moment, and of what was served, where anything was. */
export async function drift(workspace: FeatureWorkspace, { split, every, record }: DriftOptions): Promise<Outcome> {
  const { flights, offline, registry, served, views } = workspace;
  const at = BigInt(split) * 1000n;
  const joined = async (where: { lt: bigint } | { gte: bigint }) =>
    offline.trainingSet({
      labels: labelSource(flightsOf(flights, where, every)),
      time: "date",
      features: modelFeatures,
    });
  const sets: Partial<Record<ProfileSubject, Batches>> = {
    training: await joined({ lt: at }),
    offline: await joined({ gte: at }),
  };
  if (await exists(served)) sets.served = served;
  const { drifted, comparisons } = await driftBetween(sets);
  if (record) await keepProfiles(registry, views, sets);
  const rows = comparisons.flatMap(({ reference, current, report }) =>
    report.columns.map(({ column, psi, jensenShannon, nulls, reasons }) => [
      `${reference} to ${current}`,
      column,
      psi.toFixed(3),
      jensenShannon.toFixed(3),
      nulls.map((share) => share.toFixed(3)).join(" > "),
      reasons.length === 0 ? "" : reasons.join("; "),
    ]),
  );
  const heading = ["sets", "feature", "psi", "js", "nulls", "drifted because"];
  return { json: { drifted, comparisons }, text: textTable(heading, rows), found: drifted };
}

function flightsOf(flights: LakeTable, date: { lt: bigint } | { gte: bigint }, every: number): TableSource {
  return {
    name: flights.name,
    async *scan({ columns, signal }): AsyncIterable<RecordBatch> {
      const sample = evenSample(every, 1);
      const options = { where: { date }, ...(columns && { columns }), ...(signal && { signal }) };
      for await (const batch of flights.scan(options)) yield every === 1 ? batch : sample(batch);
    },
  };
}

async function exists(table: LakeTable): Promise<boolean> {
  try {
    return (await table.snapshot()).rows > 0;
  } catch (error) {
    if (isAshlarError(error, "TABLE_NOT_FOUND")) return false;
    throw error;
  }
}
