import { referenceError } from "../../errors.ts";
import { type StoredView, storedViews } from "../../flights/features.ts";
import type { FlightStore } from "../../wire/platform.ts";
import type { FeatureWorkspace } from "./open.ts";
import { isoOf, type Outcome, textTable } from "./outcome.ts";

export interface MaterializeOptions {
  /** Epoch milliseconds. */
  readonly until: number;
  /** Write a copy beside what serves, from all of history, and flip to it. */
  readonly backfill: boolean;
}

/** Brings views online up to a moment: those named, or all that are kept online. */
export async function materialize(
  { online }: FeatureWorkspace,
  names: readonly string[],
  { until, backfill }: MaterializeOptions,
): Promise<Outcome> {
  const views = chosen(online, names);
  const done: { readonly view: string; readonly written: number; readonly watermark: number }[] = [];
  for (const view of views) {
    const step = backfill ? await online.backfill(view, { until }) : await online.materialize(view, { until });
    done.push({ view: view.name, written: step.written, watermark: step.watermark });
  }
  const rows = done.map(({ view, written, watermark }) => [view, written.toLocaleString("en"), isoOf(watermark)]);
  return { json: done, text: textTable(["view", "written", "materialised to"], rows) };
}

function chosen(online: FlightStore, names: readonly string[]): readonly StoredView[] {
  const views = storedViews(online.views);
  if (names.length === 0) return views;
  return names.map((name) => {
    const view = views.find((each) => each.name === name);
    if (view !== undefined) return view;
    const rule = `it must be one of ${views.map((each) => each.name).join(", ")}`;
    throw referenceError("OPTION_INVALID", { option: "view", value: name, rule });
  });
}
