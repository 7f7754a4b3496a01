import { inLanes } from "../online/in-lanes.ts";
import type { OnlineEntry, OnlineStore } from "../online/port.ts";

/** Large enough that a transaction of a disk costs little for each. */
const entitiesPerTransaction = 10_000;
/** Small enough that what is on its way is collected young. */
const entitiesPerWrite = 2_000;
/** While one batch is written the next is packed. */
const writesAtOnce = 2;

/** Writes the vectors of some keys, some thousand at a time. @param done is told of the keys that are written */
export async function writeEntities(
  online: OnlineStore,
  namespace: string,
  {
    keys,
    entry,
    done,
  }: {
    readonly keys: Uint32Array;
    readonly entry: (key: number) => OnlineEntry;
    readonly done?: (keys: Uint32Array) => void;
  },
  signal: AbortSignal | undefined,
): Promise<void> {
  const size = online.capabilities.atomicBatch ? entitiesPerTransaction : entitiesPerWrite;
  const parts = Array.from({ length: Math.ceil(keys.length / size) }, (_, i) =>
    keys.subarray(i * size, (i + 1) * size),
  );
  await inLanes(parts, writesAtOnce, async (part) => {
    const entries: OnlineEntry[] = [];
    for (const key of part) entries.push(entry(key));
    await online.write(namespace, entries, { distinct: true, signal });
    done?.(part);
  });
}
