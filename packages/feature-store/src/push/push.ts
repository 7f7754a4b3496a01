import { setTimeout as sleep } from "node:timers/promises";
import { isAshlarError } from "@ashlar/core";
import type { FeatureView } from "../define/feature-view.ts";
import { mergedBy, type PushSource } from "../define/push-source.ts";
import { namespaceOf } from "../materialize/materializer.ts";
import type { OnlineStore } from "../online/port.ts";
import { addEvents, type PushResult } from "./add-events.ts";
import { invalidEvent, type PushEvent, type ReadEvent, readEvents } from "./events.ts";
import { TileLayout } from "./tile.ts";
import { enterOf } from "./tile-event.ts";

export interface PushOptions {
  /**
   * Keeps the events for training, e.g. appends them to the table the view is over; awaited before they have an effect
   * online. It is called again with the same events when a push is repeated, and must keep each id once.
   */
  readonly sink?: (events: readonly PushEvent[]) => Promise<void>;
  readonly signal?: AbortSignal;
}

export const isPushed = (view: FeatureView): view is FeatureView & { readonly push: PushSource } =>
  view.push !== undefined;

const layouts = new WeakMap<FeatureView, TileLayout>();

/** The layout of a view's tiles, made once. */
export function tileLayoutOf(view: FeatureView): TileLayout {
  const kept = layouts.get(view) ?? new TileLayout(view);
  layouts.set(view, kept);
  return kept;
}

/** Pushes some events: first to the sink, then into the windows, then to the plain features. */
export async function pushEvents(
  view: FeatureView,
  online: OnlineStore,
  given: readonly PushEvent[],
  { now, sink, signal }: PushOptions & { readonly now: number },
): Promise<PushResult> {
  if (!isPushed(view)) throw invalidEvent(view, undefined, "its definition has no push source");
  const layout = tileLayoutOf(view);
  const { events, vector } = readEvents(view, layout, given, now);
  signal?.throwIfAborted();
  if (events.length === 0) return { accepted: 0, duplicates: 0, late: 0 };
  await sink?.(given);
  const { result, arrived } = await addEvents(view, layout, online, events, {
    by: mergedBy(view.push, reached(events, now)),
    now,
    signal,
  });
  // Whatever became of the windows: the stamp of a vector tells whether it is news. One who was killed before it pushes again.
  const vectors = events.map((event, row) => vector(row, arrived.get(event)));
  await online.write(namespaceOf(view), vectors, { signal });
  return result;
}

/** How far time has come, in epoch milliseconds: no further than events show, so that a clock that runs ahead merges none too early. */
const reached = (events: readonly ReadEvent[], now: number): number =>
  Math.min(now, events.reduce((newest, event) => Math.max(newest, enterOf(event)), -Infinity) / 1000);

const tries = 8;

/**
 * Pushes batch after batch. The next is asked for when the one before is durable: a source that acknowledges by then loses
 * nothing. A store that cannot be reached is tried again, for about half a minute.
 */
export async function consumeEvents(
  batches: AsyncIterable<readonly PushEvent[]>,
  push: (events: readonly PushEvent[]) => Promise<PushResult>,
  signal: AbortSignal | undefined,
): Promise<PushResult> {
  const total = { accepted: 0, duplicates: 0, late: 0 };
  for await (const events of batches) {
    const result = await untilDone(() => push(events), signal);
    total.accepted += result.accepted;
    total.duplicates += result.duplicates;
    total.late += result.late;
  }
  return total;
}

async function untilDone(push: () => Promise<PushResult>, signal: AbortSignal | undefined): Promise<PushResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await push();
    } catch (error) {
      if (!isAshlarError(error) || !error.retryable || attempt === tries) throw error;
      await sleep(Math.random() * Math.min(10_000, 100 * 2 ** attempt), undefined, { signal });
    }
  }
}
