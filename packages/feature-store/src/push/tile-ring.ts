import { createHash } from "node:crypto";
import type { FeatureView } from "../define/feature-view.ts";
import type { PushSource } from "../define/push-source.ts";
import { namespaceOf } from "../materialize/materializer.ts";

/** The online namespace of a view's tiles, beside the one of its vectors. */
export const tileNamespace = (view: FeatureView): string => `${namespaceOf(view)}.tiles`;

/** The number of the span of time an event lies in. */
export const spanOf = ({ tile }: PushSource, event: number): number => Math.floor(event / tile);

/** The spans that the times from `start` to `time` touch, in order. */
export function spansOf(push: PushSource, start: number, time: number): number[] {
  const first = spanOf(push, start);
  return Array.from({ length: spanOf(push, time) - first + 1 }, (_, i) => first + i);
}

/** As `entityKey` has it, so that a key of 512 bytes has room for the number of the tile. */
const hashedTag = 254;
const longest = 500;

/**
 * Where a span of an entity is kept. The tiles of an entity are a ring: a span takes the place of the one that left every
 * window, so that nothing needs to be deleted.
 */
export function tileKey({ tiles }: PushSource, entity: Uint8Array, span: number): Uint8Array {
  const slot = ((span % tiles) + tiles) % tiles;
  const own =
    entity.length <= longest
      ? entity
      : Buffer.concat([Uint8Array.of(hashedTag), createHash("sha256").update(entity).digest()]);
  return Buffer.concat([Uint8Array.of(slot), own]);
}

/** For how many milliseconds a tile may still be read: until every window has left it, with a day for streams that lag. */
export const keepMs = ({ tile, tiles }: PushSource): number => Math.ceil((tile * tiles) / 1000) + 86_400_000;

/**
 * The spans before `span` of which all is to be merged `by` then, and was not when the tile of `span` was last written.
 *
 * @param settled the last span that was merged whole by then
 */
export function unsettledSpans(push: PushSource, span: number, settled: number, by: number): number[] {
  if (by === -Infinity) return [];
  const last = Math.min(spanOf(push, by + 1) - 1, span - 1);
  const first = Math.max(settled + 1, span - push.tiles + 1);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}
