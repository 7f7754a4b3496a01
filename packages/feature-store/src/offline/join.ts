import type { ColumnFeature } from "../define/column.ts";
import type { Feature, FeatureView } from "../define/feature-view.ts";
import type { Span } from "../define/hop.ts";
import type { Value } from "../define/value-type.ts";
import type { WindowFeature } from "../define/window.ts";
import { type Aggregation, aggregations } from "./aggregation.ts";
import type { ColumnData } from "./column-data.ts";
import { columnReader } from "./column-reader.ts";
import { FeatureColumn } from "./feature-column.ts";
import type { JoinRequest, TimelineOptions } from "./port.ts";
import { WindowSweep } from "./sweep.ts";
import type { Timeline } from "./timeline.ts";
import { seenSince, type Visibility } from "./visibility.ts";

/** Labels grouped by the keys of one timeline, each group in order of time. */
export interface GroupedLabels {
  readonly rows: number;
  readonly starts: Uint32Array;
  /** The label each entry is. */
  readonly order: Uint32Array;
  /** Epoch microseconds, by label. */
  readonly time: Float64Array;
}

/** The columns of a source that a view's features are computed from. */
export function inputColumns(view: FeatureView, features: readonly string[] = Object.keys(view.features)): string[] {
  const columns = new Set<string>();
  for (const name of features) {
    const feature = view.features[name] as Feature;
    if (feature.kind === "column") columns.add(feature.column);
    else if (feature.of.aggregate === "share") columns.add(feature.of.predicate.column);
    else if (feature.of.aggregate !== "count") columns.add(feature.of.column);
  }
  return [...columns];
}

/** Those columns and the others that are asked for, each once. */
export const timelineColumns = (view: FeatureView, { columns = [] }: TimelineOptions): string[] => [
  ...new Set([...inputColumns(view), ...columns]),
];

/** Windowed features of one span: one sweep serves them all. */
export interface SpanMembers {
  readonly span: Span;
  readonly members: { readonly name: string; readonly feature: WindowFeature }[];
}

/** The windowed features among those asked for, by their span. */
export function bySpan(view: FeatureView, features: readonly string[]): SpanMembers[] {
  const spans = new Map<string, SpanMembers>();
  for (const name of features) {
    const feature = view.features[name] as Feature;
    if (feature.kind !== "window") continue;
    const { width, hop } = feature;
    const id = `${width} ${hop}`;
    const found = spans.get(id) ?? { span: { width, hop }, members: [] };
    found.members.push({ name, feature });
    spans.set(id, found);
  }
  return [...spans.values()];
}

/** Fills the windowed features of a request: one sweep per span over all keys. */
export function joinWindows(
  request: JoinRequest,
  timeline: Timeline,
  visible: Visibility,
  labels: GroupedLabels,
): Map<string, FeatureColumn> {
  const { view, output, signal } = request;
  const columns = new Map<string, FeatureColumn>();
  const aggregation = aggregations(timeline, view);
  for (const { span, members } of bySpan(view, request.features)) {
    signal?.throwIfAborted();
    const lanes = members.map(({ name, feature }) => ({
      column: new FeatureColumn(`${view.name}:${name}`, feature.type, labels.rows, output),
      aggregation: aggregation(feature),
    }));
    members.forEach(({ name }, i) => columns.set(name, (lanes[i] as Lane).column));
    sweepKeys(timeline, visible, labels, span, lanes);
  }
  return columns;
}

interface Lane {
  readonly column: FeatureColumn;
  readonly aggregation: Aggregation;
}

function sweepKeys(timeline: Timeline, visible: Visibility, labels: GroupedLabels, span: Span, lanes: Lane[]): void {
  const sweep = new WindowSweep(
    timeline,
    visible,
    span,
    lanes.map((lane) => lane.aggregation.state),
  );
  const { starts, order, time } = labels;
  for (let key = 0; key + 1 < starts.length; key++) {
    const end = starts[key + 1] as number;
    if (starts[key] === end) continue;
    const since = seenSince(timeline, visible, key);
    sweep.begin(timeline.starts[key] as number, timeline.starts[key + 1] as number);
    for (let i = starts[key] as number; i < end; i++) {
      const label = order[i] as number;
      const now = time[label] as number;
      // Of an entity that nothing is known of, a count is null and not 0: online it is not found.
      if (now < since) continue;
      sweep.advance(now);
      for (const lane of lanes) lane.aggregation.write(lane.column, label);
    }
  }
}

/** The plain columns of a request, from the row of `inputs` that each label sees last, -1 for none. */
export function gatherLatest(
  request: JoinRequest,
  inputs: ReadonlyMap<string, ColumnData>,
  rows: Int32Array,
): Map<string, FeatureColumn> {
  const { view, output } = request;
  const columns = new Map<string, FeatureColumn>();
  for (const name of request.features) {
    const feature = view.features[name] as Feature;
    if (feature.kind !== "column") continue;
    const read = readerOf(view, feature, inputs);
    const column = new FeatureColumn(`${view.name}:${name}`, feature.type, rows.length, output);
    columns.set(name, column);
    if (column.take(rows, inputs.get(feature.column) as ColumnData)) continue;
    for (let label = 0; label < rows.length; label++) {
      const row = rows[label] as number;
      const value = row < 0 ? null : read(row);
      if (value !== null) column.set(label, value);
    }
  }
  return columns;
}

/** Reads the values of a plain column feature. */
export function readerOf(
  view: FeatureView,
  feature: ColumnFeature,
  columns: ReadonlyMap<string, ColumnData>,
): (row: number) => Value | null {
  const data = columns.get(feature.column) as ColumnData;
  return columnReader(data, feature.type, {
    column: feature.column,
    table: view.source.name,
    timezone: view.source.timezone,
  });
}
