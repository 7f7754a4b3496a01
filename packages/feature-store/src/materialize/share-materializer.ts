import type { RecordBatch } from "apache-arrow";
import type { FeatureView } from "../define/feature-view.ts";
import type { OfflineEngine } from "../offline/port.ts";
import type { Timeline } from "../offline/timeline.ts";
import type { OnlineStore } from "../online/port.ts";
import { fromBatches } from "../source/table-source.ts";
import { GatheredRows } from "./gathered-rows.ts";
import { allHashes, following, type HashRange } from "./hash-range.ts";
import { inTurn } from "./in-turn.ts";
import { assertStep, createMaterializer, type Materializer, type MaterializeResult } from "./materializer.ts";
import { memoryOf, type ScanMaterializerOptions } from "./scan-materializer.ts";
import { scanColumns, sourceColumns } from "./scan-rows.ts";

/**
 * A materialiser of a view with windows, which want the rows of a key together and in order. Where the source is no larger than
 * may be held, it is read once into a timeline, which is kept for the steps that follow. Else each step is done in several
 * scans, each of the rows of a share of the keys. Each key is written once a step.
 *
 * @throws MATERIALIZE_INVALID for a `memoryBytes` below 4 MiB
 */
export function createShareMaterializer(
  view: FeatureView,
  { offline, online }: { readonly offline: OfflineEngine; readonly online: OnlineStore },
  { from, limit, namespace, memoryBytes, onIgnored }: ScanMaterializerOptions,
): Materializer {
  const most = memoryOf(view, memoryBytes);
  /** Of all keys; null where their rows are more than may be held, undefined before that is known. */
  let whole: Materializer | null | undefined;
  let reached = from;

  async function wholeOf(signal: AbortSignal | undefined): Promise<Materializer | null> {
    const batches = await fitting(view, most, signal);
    if (batches === undefined) return null;
    const { name, timezone } = view.source;
    const source = fromBatches(name, batches, timezone === undefined ? {} : { timezone });
    const timeline = await offline.timeline({ ...view, source }, { signal });
    onIgnored(timeline.ignored);
    return createMaterializer(view, timeline, online, { from: reached, limit, namespace });
  }

  /** The rows of as many keys as may be held, from the start of a range on. */
  async function gather(
    range: HashRange,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly timeline: Timeline; readonly range: HashRange }> {
    const rows = new GatheredRows(view, range);
    for await (const scanned of scanColumns(view, signal)) {
      rows.add(scanned);
      if (rows.byteLength > most) rows.shrink();
    }
    if (range.start === allHashes.start) onIgnored(rows.ignored);
    return { timeline: rows.timeline(), range: rows.range };
  }

  async function step(until: number, signal: AbortSignal | undefined): Promise<MaterializeResult> {
    assertStep(view, until, reached, limit);
    signal?.throwIfAborted();
    if (whole === undefined) whole = await wholeOf(signal);
    if (whole !== null) return await whole.advance(until, signal === undefined ? {} : { signal });
    let written = 0;
    for (let range: HashRange | undefined = allHashes; range !== undefined;) {
      const share = await gather(range, signal);
      const options = { from: reached, limit, namespace, isShare: true };
      const materializer = createMaterializer(view, share.timeline, online, options);
      written += (await materializer.advance(until, signal === undefined ? {} : { signal })).written;
      range = following(share.range);
    }
    // The watermark follows the last vector: a step cut short is done again from the watermark before it.
    await online.write(namespace, [], { watermark: until, signal });
    reached = until;
    return { written, watermark: until };
  }

  return inTurn(step);
}

/** The batches of a view's source; undefined where they have more bytes than `most`. */
async function fitting(
  view: FeatureView,
  most: number,
  signal: AbortSignal | undefined,
): Promise<RecordBatch[] | undefined> {
  const batches: RecordBatch[] = [];
  let bytes = 0;
  for await (const batch of view.source.scan({ columns: sourceColumns(view), ...(signal && { signal }) })) {
    signal?.throwIfAborted();
    bytes += batch.data.byteLength;
    if (bytes > most) return undefined;
    batches.push(batch);
  }
  return batches;
}
