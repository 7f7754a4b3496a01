import { column } from "../define/column.ts";
import type { Duration } from "../define/duration.ts";
import { type Entity, entity } from "../define/entity.ts";
import { featureView } from "../define/feature-view.ts";
import type { OfflineEngine } from "../offline/port.ts";
import { fromTable } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import type { TrainingSetOptions } from "../training/training-options.ts";
import { arrowTable } from "./tables.ts";

/** A mistake that stores in use make, and how an engine shows that it does not. It rejects with an AssertionError. */
export interface Trap {
  /** `T1` to `T25`. */
  readonly id: string;
  readonly title: string;
  run(engine: OfflineEngine): Promise<void>;
}

/** Times in microseconds. */
export type TrapRows = readonly (readonly [
  key: string | null,
  event: number | null,
  value: number | null,
  known?: number | null,
])[];

export type TrapLabels = readonly (readonly [key: string | null, time: number | null])[];

export const second = 1_000_000;
export const thing: Entity<"thing", { readonly id: "string" }> = entity({ name: "thing", key: { id: "string" } });

export function trapSource(rows: TrapRows): ReturnType<typeof arrowTable> {
  return arrowTable({
    id: ["string", rows.map((row) => row[0])],
    event: ["timestamp", rows.map((row) => row[1])],
    value: ["int64", rows.map((row) => (row[2] === null ? null : BigInt(row[2])))],
    known: ["timestamp", rows.map((row) => row[3] ?? null)],
  });
}

export function trapLabels(labels: TrapLabels): ReturnType<typeof arrowTable> {
  return arrowTable({
    id: ["string", labels.map((row) => row[0])],
    at: ["timestamp", labels.map((row) => row[1])],
  });
}

export interface TrapQuestion {
  readonly rows: TrapRows;
  readonly labels: TrapLabels;
  /** Default `"forever"`. */
  readonly ttl?: Duration | "forever";
  /** True when the view has `knownAt`. */
  readonly known?: boolean;
  readonly options?: Partial<TrainingSetOptions<never>>;
}

/** The last value of each label's key. */
export async function lastValues(engine: OfflineEngine, question: TrapQuestion): Promise<unknown[]> {
  const { rows, labels, ttl = "forever", known = false, options = {} } = question;
  const view = featureView({
    name: "v",
    entities: [thing],
    source: fromTable("source", trapSource(rows)),
    eventTime: "event",
    ...(known ? { knownAt: "known" } : {}),
    ttl,
    features: { last: column("value") },
  });
  const store = createFeatureStore({ views: [view], offline: engine });
  const set = await store.trainingSet({ labels: trapLabels(labels), time: "at", features: ["v:last"], ...options });
  return Array.from((await set.table()).getChild("v:last") ?? []);
}
