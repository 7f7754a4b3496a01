import type { Value } from "../define/value-type.ts";
import { aggregations } from "../offline/aggregation.ts";
import { bySpan } from "../offline/join.ts";
import { WindowSweep } from "../offline/sweep.ts";
import { buildTimeline, type Timeline } from "../offline/timeline.ts";
import { seenSince, visibility } from "../offline/visibility.ts";
import { eventColumns } from "./event-columns.ts";
import type { EventCell } from "./instant.ts";
import { tileLayoutOf } from "./push.ts";
import type { ReadTiles, WindowValues } from "./read-tiles.ts";

/** Windows from the events of tiles, by the sweep that computes them over history. */
export function sweepEvents(read: ReadTiles, features: readonly string[]): WindowValues {
  const { view, entities, time } = read;
  const timeline = timelineOf(read);
  const visible = visibility(timeline, { knownAt: true, strict: false });
  const aggregation = aggregations(timeline, view);
  const values = new Map<string, (Value | null)[]>();
  for (const { span, members } of bySpan(view, features)) {
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
    for (let entity = 0; entity < entities; entity++) {
      sweep.begin(timeline.starts[entity] as number, timeline.starts[entity + 1] as number);
      sweep.advance(time);
      for (const lane of lanes) lane.own.push(lane.aggregation.value());
    }
  }
  const seen = Array.from({ length: entities }, (_, entity) => seenSince(timeline, visible, entity) <= time);
  return { values, seen };
}

/** The events of some entities, one entity after the other. */
function timelineOf({ view, entities, tiles }: ReadTiles): Timeline {
  const layout = tileLayoutOf(view);
  const cells = layout.columns.map((): EventCell[] => []);
  const codes: number[] = [];
  const event: number[] = [];
  const known: number[] = [];
  const each = tiles.length / entities;
  tiles.forEach((tile, i) => {
    if (tile === undefined) return;
    const entity = Math.floor(i / each);
    layout.read(tile, (at, cell) => {
      codes.push(entity);
      event.push(at.event);
      known.push(at.known);
      for (const column of cells) column.push(cell());
    });
  });
  return buildTimeline({
    keys: { size: entities, key: () => [] },
    codes: Int32Array.from(codes),
    event: Float64Array.from(event),
    known: view.knownAt === undefined ? undefined : Float64Array.from(known),
    columns: eventColumns(view, layout.columns, (i) => cells[i] ?? []),
  });
}
