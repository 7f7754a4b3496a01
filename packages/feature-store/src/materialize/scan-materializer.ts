import type { FeatureView } from "../define/feature-view.ts";
import { featureStoreError } from "../errors.ts";
import type { OnlineStore } from "../online/port.ts";
import { allHashes, following, type HashRange } from "./hash-range.ts";
import { inTurn } from "./in-turn.ts";
import { LatestVectors } from "./latest-vectors.ts";
import { assertStep, type Materializer, type MaterializeResult } from "./materializer.ts";
import { scanColumns, scanRows } from "./scan-rows.ts";
import { writeEntities } from "./write-entities.ts";

export interface ScanMaterializerOptions {
  /** Epoch milliseconds up to which the online store holds the view already; -Infinity for nothing. */
  readonly from: number;
  /** Epoch milliseconds that no step goes beyond. */
  readonly limit: number;
  readonly namespace: string;
  /** Bytes of keys and vectors, or of gathered rows, to hold. @default 512 MiB */
  readonly memoryBytes?: number | undefined;
  /** Told of rows that no read can see, once a step. */
  readonly onIgnored: (ignored: { readonly nullKey: number; readonly nullEventTime: number }) => void;
}

const defaultMemoryBytes = 512 * 1024 * 1024;
/** Below it there is hardly room for one key of a few kilobytes. */
const leastMemoryBytes = 4 * 1024 * 1024;

/**
 * A materialiser of a view that has no windows: each step scans the source and folds its rows into the last one of each
 * key, so that memory grows with the keys and not with the rows. Where the keys are more than may be held, the step is done
 * in several scans, each of a share of the hashes of keys. Each key is written once, with its last row: whatever else is
 * under way, and however often a step is begun anew, equal stamps have equal vectors.
 *
 * @throws MATERIALIZE_INVALID for a `memoryBytes` below 4 MiB
 */
export function createScanMaterializer(
  view: FeatureView,
  online: OnlineStore,
  { from, limit, namespace, memoryBytes, onIgnored }: ScanMaterializerOptions,
): Materializer {
  const most = memoryOf(view, memoryBytes);
  let reached = from;

  async function step(until: number, signal: AbortSignal | undefined): Promise<MaterializeResult> {
    assertStep(view, until, reached, limit);
    signal?.throwIfAborted();
    const times = { from: reached * 1000, until: until * 1000 };
    let written = 0;
    for (let range: HashRange | undefined = allHashes; range !== undefined;) {
      const latest: LatestVectors = new LatestVectors(times, range);
      for await (const rows of scanRows(view, times.until, signal)) {
        latest.add(rows);
        if (latest.byteLength > most) latest.shrink();
      }
      if (range.start === 0) onIgnored(latest.ignored);
      const keys = latest.changed();
      await writeEntities(online, namespace, { keys, entry: (key) => latest.entry(key) }, signal);
      written += keys.length;
      range = following(latest.range);
    }
    // The watermark follows the last vector: a step cut short is done again from the watermark before it.
    await online.write(namespace, [], { watermark: until, signal });
    reached = until;
    return { written, watermark: until };
  }

  return inTurn(step);
}

/** @throws MATERIALIZE_INVALID below 4 MiB */
export function memoryOf(view: FeatureView, memoryBytes: number = defaultMemoryBytes): number {
  if (memoryBytes >= leastMemoryBytes) return memoryBytes;
  const rule = `memoryBytes is a number of bytes from ${leastMemoryBytes} on`;
  throw featureStoreError("MATERIALIZE_INVALID", { view: view.name, value: memoryBytes, rule });
}

/** When the first event of a view's source was, in epoch milliseconds; Infinity when there is none. */
export async function firstEvent(view: FeatureView, signal: AbortSignal | undefined): Promise<number> {
  let first = Infinity;
  for await (const { event, count } of scanColumns({ ...view, features: {} }, signal)) {
    // A null is NaN, which is never less.
    for (let row = 0; row < count; row++) if ((event[row] as number) < first) first = event[row] as number;
  }
  return Math.floor(first / 1000);
}
