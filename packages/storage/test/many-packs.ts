import type { ObjectStore } from "@ashlar/core";
import { digestOf } from "../src/artifact/digest.ts";
import { encodePack } from "../src/artifact/pack.ts";
import { homeOf } from "../src/artifact/places.ts";

export const blob = (n: number): Uint8Array => new TextEncoder().encode(`blob ${n}`);

/** Packs of two blobs each, number n of 2n and 2n + 1, put by a process that makes no indexes of them. */
export async function putPacks(objects: ObjectStore, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    const blobs = [blob(2 * n), blob(2 * n + 1)];
    const { digest, bytes } = encodePack(new Map(blobs.map((body) => [digestOf(body), body])));
    await objects.put(homeOf("packs", digest), bytes);
  }
}
