import type { Clock, ObjectStore } from "@ashlar/core";

const prefix = "incoming/";

/** Where a body or an upload is put aside until its digest is known: `incoming/<id>/...`. */
export function incomingAt(id: string, name: string): string {
  return `${prefix}${id}/${name}`;
}

/** Deletes what was put aside and left: all of an id of which nothing was touched for `leaseMs`. */
export async function sweepIncoming(objects: ObjectStore, clock: Clock, leaseMs: number): Promise<void> {
  const since = clock.now() - leaseMs;
  let group: { readonly id: string; readonly keys: string[]; touched: number } | undefined;
  const close = async (): Promise<void> => {
    if (group === undefined || group.touched >= since) return;
    for (const key of group.keys) await objects.delete(key);
  };
  for await (const { key, lastModified } of objects.list(prefix)) {
    const id = key.split("/")[1] ?? "";
    if (group?.id !== id) {
      await close();
      group = { id, keys: [], touched: -Infinity };
    }
    group.keys.push(key);
    group.touched = Math.max(group.touched, lastModified);
  }
  await close();
}
