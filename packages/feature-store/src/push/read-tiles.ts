import type { FeatureView } from "../define/feature-view.ts";
import { windowStart } from "../define/hop.ts";
import type { PushSource } from "../define/push-source.ts";
import type { Value } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import { aggregations } from "../offline/aggregation.ts";
import { bySpan } from "../offline/join.ts";
import { WindowSweep } from "../offline/sweep.ts";
import { buildTimeline, type Timeline } from "../offline/timeline.ts";
import { seenSince, visibility } from "../offline/visibility.ts";
import type { OnlineStore } from "../online/port.ts";
import { eventColumns } from "./event-columns.ts";
import type { EventCell } from "./instant.ts";
import { tileLayoutOf } from "./push.ts";
import { spansOf, tileKey, tileNamespace } from "./tile-ring.ts";

/** The windows of some entities. */
export interface WindowValues {
  /** By feature, a value per entity. */
  readonly values: ReadonlyMap<string, readonly (Value | null)[]>;
  /** Per entity whether a tile has an event that can be seen. One that was seen before the tiles begin has none. */
  readonly seen: readonly boolean[];
}

/**
 * Computes windows as of `at` (epoch milliseconds) from tiles, by the code that computes them over history: the same events
 * give the same bits.
 *
 * @throws READ_TOO_OLD when a tile that is asked for made room for a later one
 */
export async function readWindows(
  view: FeatureView & { readonly push: PushSource },
  features: readonly string[],
  entities: readonly Uint8Array[],
  online: OnlineStore,
  { at, signal }: { readonly at: number; readonly signal?: AbortSignal | undefined },
): Promise<WindowValues> {
  const groups = bySpan(view, features);
  const values = new Map<string, (Value | null)[]>();
  if (groups.length === 0 || entities.length === 0) return { values, seen: [] };
  const time = Math.floor(at * 1000);
  const spans = spansOf(view.push, Math.min(...groups.map(({ span }) => windowStart(span, time))), time);
  const keys = entities.flatMap((entity) => spans.map((span) => tileKey(view.push, entity, span)));
  const { vectors } = await online.read(tileNamespace(view), keys, { signal });
  const timeline = timelineOf(view, vectors, spans, at);
  const visible = visibility(timeline, { knownAt: true, strict: false });
  const aggregation = aggregations(timeline, view);
  for (const { span, members } of groups) {
    const lanes = members.map(({ name, feature }) => {
      const own: (Value | null)[] = [];
      values.set(name, own);
      return { own, aggregation: aggregation(feature) };
    });
    const sweep = new WindowSweep(
      timeline,
      visible,
      span,
      lanes.map((lane) => lane.aggregation.state),
    );
    for (let entity = 0; entity < entities.length; entity++) {
      sweep.begin(timeline.starts[entity] as number, timeline.starts[entity + 1] as number);
      sweep.advance(time);
      for (const lane of lanes) lane.own.push(lane.aggregation.value());
    }
  }
  return { values, seen: entities.map((_, entity) => seenSince(timeline, visible, entity) <= time) };
}

/** The events of some entities, of each the tiles of the same spans, one entity after the other. */
function timelineOf(
  view: FeatureView & { readonly push: PushSource },
  tiles: readonly (Uint8Array | undefined)[],
  spans: readonly number[],
  at: number,
): Timeline {
  const layout = tileLayoutOf(view);
  const cells = layout.columns.map((): EventCell[] => []);
  const codes: number[] = [];
  const event: number[] = [];
  const known: number[] = [];
  tiles.forEach((tile, i) => {
    if (tile === undefined) return;
    const wanted = spans[i % spans.length] as number;
    const span = layout.span(tile);
    if (span > wanted) throw featureStoreError("READ_TOO_OLD", { view: view.name, at });
    if (span < wanted) return;
    const entity = Math.floor(i / spans.length);
    layout.read(tile, (happened, told, cell) => {
      codes.push(entity);
      event.push(happened);
      known.push(told);
      for (const column of cells) column.push(cell());
    });
  });
  return buildTimeline({
    keys: { size: tiles.length / spans.length, key: () => [] },
    codes: Int32Array.from(codes),
    event: Float64Array.from(event),
    known: view.knownAt === undefined ? undefined : Float64Array.from(known),
    columns: eventColumns(view, layout.columns, (i) => cells[i] ?? []),
  });
}
