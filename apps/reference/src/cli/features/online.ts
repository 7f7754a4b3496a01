import type { FeatureName, FeatureView, Reading, Selector } from "@ashlar/feature-store";
import { referenceError } from "../../errors.ts";
import type { FlightStore } from "../../wire/platform.ts";
import type { FeatureWorkspace } from "./open.ts";
import { type Outcome, textTable } from "./outcome.ts";
import { typed } from "./values.ts";

type Views = FlightStore["views"];

export interface OnlineOptions {
  readonly key: Readonly<Record<string, string>>;
  /** Epoch milliseconds; undefined for now. */
  readonly at: number | undefined;
}

/** Reads features of one entity as they are online: `view`, `view:*` or `view:feature`. */
export async function online(
  workspace: FeatureWorkspace,
  features: readonly string[],
  { key, at }: OnlineOptions,
): Promise<Outcome> {
  const store = workspace.online;
  const selected = features.map((each) => (each.includes(":") ? each : `${each}:*`)) as Selector<Views>[];
  const entity = entityOf(store, key) as never;
  const [row] = await store.read({ entities: [entity], features: selected, ...(at === undefined ? {} : { at }) });
  const readings = Object.entries((row ?? {}) as Readonly<Record<FeatureName<Views>, Reading>>);
  const rows = readings.map(([feature, { status, value, ageMs }]) => [
    feature,
    status,
    value,
    ageMs === null ? null : `${(ageMs / 1000).toLocaleString("en")} s`,
  ]);
  return { json: row, text: textTable(["feature", "status", "value", "age"], rows) };
}

function entityOf(store: FlightStore, given: Readonly<Record<string, string>>): Record<string, unknown> {
  const types = new Map<string, string>();
  for (const view of store.views) {
    const columns =
      view.kind === "view"
        ? (view as FeatureView).keys.map(({ name, type }) => [name, type] as const)
        : Object.entries(view.input);
    for (const [name, type] of columns) types.set(name, type);
  }
  return Object.fromEntries(
    Object.entries(given).map(([name, text]) => {
      const type = types.get(name);
      if (type !== undefined) return [name, typed(name, type, text)];
      const rule = `the keys and inputs are ${[...types.keys()].join(", ")}`;
      throw referenceError("OPTION_INVALID", { option: "--key", value: `${name}=${text}`, rule });
    }),
  );
}
