import { expect, it } from "vitest";
import { toBytes } from "../bytes.ts";
import { isAshlarError } from "../errors.ts";
import { bytes, countGenerated, failing, gather, generated, stalling, text } from "./object-store-bodies.ts";
import type { ObjectStoreSuite } from "./object-store.ts";

const mebibyte = 1024 * 1024;

/** Bodies on their way: large, broken off, and read while they are replaced. */
export function transfers({ create, streamBytes = 64 * mebibyte }: ObjectStoreSuite): void {
  it(`takes and gives a stream of ${streamBytes} bytes that nobody holds`, async () => {
    const store = await create();
    expect((await store.put("big", generated(streamBytes))).size).toBe(streamBytes);
    const object = await store.get("big");
    expect(object.info.size).toBe(streamBytes);
    expect(await countGenerated(object.stream())).toBe(streamBytes);
  });

  it.each([0, 100_000, streamBytes / 4])("leaves the old object when a body fails after %i bytes", async (size) => {
    const store = await create();
    await store.put("k", bytes("old"));
    await expect(store.put("k", failing(size, "the sender went away"))).rejects.toThrow("the sender went away");
    await expect(store.put("new", failing(size, "the sender went away"))).rejects.toThrow("the sender went away");
    expect(text(await (await store.get("k")).bytes())).toBe("old");
    expect(await gather(store, "")).toEqual(["k"]);
  });

  it.each([100_000, streamBytes / 4])("stops a put that is aborted after %i bytes of a silent body", async (size) => {
    const store = await create();
    await store.put("k", bytes("old"));
    const { body, silent, cancelled } = stalling(size);
    const stop = new AbortController();
    const outcome = store.put("k", body, { signal: stop.signal }).catch((error: unknown) => error);
    await silent;
    stop.abort(new Error("no longer wanted"));
    expect(await outcome).toMatchObject({ message: "no longer wanted" });
    await cancelled;
    expect(text(await (await store.get("k")).bytes())).toBe("old");
    expect(await gather(store, "")).toEqual(["k"]);
  });

  it("lets go of an object whose stream is cancelled, time and again", async () => {
    const store = await create();
    await store.put("k", new Uint8Array(2 * mebibyte).fill(1));
    for (let round = 0; round < 40; round++) {
      const reader = (await store.get("k")).stream().getReader();
      expect((await reader.read()).value?.[0]).toBe(1);
      await reader.cancel();
      await (await store.get("k")).stream().cancel();
    }
    await store.put("k", bytes("new"));
    expect(text(await (await store.get("k")).bytes())).toBe("new");
  });

  it("stops giving when the signal aborts", async () => {
    const store = await create();
    await store.put("k", generated(8 * mebibyte));
    const stop = new AbortController();
    const reader = (await store.get("k", { signal: stop.signal })).stream().getReader();
    await reader.read();
    stop.abort(new Error("no longer wanted"));
    const rest = async (): Promise<void> => {
      for (let left = 8 * mebibyte; left > 0; left--) if ((await reader.read()).done) return;
    };
    await expect(rest()).rejects.toThrow("no longer wanted");
  });

  it("never gives a mix of two versions to a reader", async () => {
    const store = await create();
    const version = (n: number): Uint8Array => new Uint8Array(300_000 + n * 1000).fill(n);
    await store.put("k", version(0));
    const replaced = new AbortController();
    const read = async (asStream: boolean): Promise<number> => {
      const object = await store.get("k");
      const content = asStream ? await toBytes(object.stream()) : await object.bytes();
      const n = content[0] ?? -1;
      expect(content.byteLength).toBe(300_000 + n * 1000);
      expect(object.info.size).toBe(content.byteLength);
      expect(content.every((byte) => byte === n)).toBe(true);
      return 1;
    };
    const orReplaced = (error: unknown): number => {
      if (isAshlarError(error, "OBJECT_REPLACED")) return 0;
      throw error;
    };
    const reader = async (): Promise<number> => {
      let whole = 0;
      for (let reads = 0; (!replaced.signal.aborted || whole === 0) && reads < 500; reads++) {
        whole += await read(reads % 2 === 0).catch(orReplaced);
      }
      return whole;
    };
    const readers = [reader(), reader(), reader()];
    for (let n = 1; n <= 20; n++) await store.put("k", version(n));
    replaced.abort();
    expect(Math.min(...(await Promise.all(readers)))).toBeGreaterThan(0);
  });
}
