import { windowStart } from "../define/hop.ts";
import type { Value } from "../define/value-type.ts";
import type { PartialResult } from "../partial/partial-result.ts";
import { type Respect, valueOf } from "../partial/respect.ts";
import { bySpan } from "../offline/join.ts";
import type { HopGroup, HopPlan, MergedFeature } from "./hop-plan.ts";
import { tileLayoutOf } from "./push.ts";
import type { ReadTiles, WindowValues } from "./read-tiles.ts";
import { enterOf } from "./tile-event.ts";

/** What one window needs of the hops and events in it. */
interface Merge {
  readonly group: number;
  readonly start: number;
  readonly lanes: readonly Lane[];
}

/** One respect of the window, and the features that are had from it. */
interface Lane {
  readonly place: number;
  readonly respect: Respect;
  readonly column: number;
  readonly names: string[];
  result: PartialResult;
}

/** Windows that hop, from the partial results of their hops and the events that are not merged yet. */
export function mergeHops({ view, entities, tiles, time }: ReadTiles, features: readonly string[]): WindowValues {
  const layout = tileLayoutOf(view);
  const merges = mergesOf(layout.plan, layout.columns, bySpan(view, features), time);
  const values = new Map<string, (Value | null)[]>(features.map((name) => [name, []]));
  const seen: boolean[] = [];
  const each = tiles.length / entities;
  for (let entity = 0; entity < entities; entity++) {
    let any = false;
    for (const { lanes } of merges) for (const lane of lanes) lane.result = lane.respect.make();
    for (const tile of tiles.slice(entity * each, (entity + 1) * each)) {
      if (tile === undefined) continue;
      for (const { group, start, results } of layout.hops(tile)) {
        any = true;
        for (const merge of merges) {
          if (merge.group !== group || start < merge.start) continue;
          for (const { place, result } of merge.lanes) result.merge(results[place] as Uint8Array);
        }
      }
      layout.read(tile, (at, cell) => {
        if (enterOf(at) > time) return;
        any = true;
        const cells = layout.columns.map(cell);
        for (const merge of merges) {
          if (at.event < merge.start) continue;
          for (const { column, result } of merge.lanes) result.add(cells[column] ?? null, at);
        }
      });
    }
    seen.push(any);
    for (const { lanes } of merges) {
      for (const { names, result } of lanes) {
        for (const name of names) {
          const { of } = (layout.plan.features.get(name) as MergedFeature).feature;
          values.get(name)?.push(valueOf(view, of, result));
        }
      }
    }
  }
  return { values, seen };
}

function mergesOf(
  { groups, features }: HopPlan,
  columns: readonly string[],
  spans: ReturnType<typeof bySpan>,
  time: number,
): Merge[] {
  return spans.map(({ span, members }) => {
    const lanes = new Map<number, Lane>();
    let group = 0;
    for (const { name } of members) {
      const planned = features.get(name) as MergedFeature;
      group = planned.group;
      const respect = (groups[group] as HopGroup).respects[planned.respect] as Respect;
      const lane = lanes.get(planned.respect) ?? {
        place: planned.respect,
        respect,
        column: columns.indexOf(respect.column ?? ""),
        names: [],
        result: respect.make(),
      };
      lane.names.push(name);
      lanes.set(planned.respect, lane);
    }
    return { group, start: windowStart(span, time), lanes: [...lanes.values()] };
  });
}
