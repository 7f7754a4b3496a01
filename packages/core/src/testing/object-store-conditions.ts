import { expect, it } from "vitest";
import { toBytes } from "../bytes.ts";
import { bytes, generated, text } from "./object-store-bodies.ts";
import type { ObjectStoreSuite } from "./object-store.ts";

export function ranges({ create }: ObjectStoreSuite): void {
  it.each([
    [{ start: 0, end: 3 }, "012"],
    [{ start: 7 }, "789"],
    [{ start: 4, end: 5 }, "4"],
    [{ start: 8, end: 400 }, "89"],
    [{ start: 9, end: 10 }, "9"],
    [{ start: 0 }, "0123456789"],
    [{ start: 4, end: 4 }, ""],
    [{ start: 4, end: 2 }, ""],
    [{ start: 0, end: 0 }, ""],
  ] as const)("reads the bytes of %j", async (range, expected) => {
    const store = await create();
    const info = await store.put("k", bytes("0123456789"));
    const object = await store.get("k", { range });
    expect(text(await object.bytes())).toBe(expected);
    expect(object.info).toMatchObject({ size: 10, etag: info.etag });
    expect(text(await toBytes((await store.get("k", { range })).stream()))).toBe(expected);
  });

  it.each([10, 11, 1_000_000, -1, 0.5, Number.NaN])("refuses a range that starts at %d of 10 bytes", async (start) => {
    const store = await create();
    await store.put("k", bytes("0123456789"));
    const read = store.get("k", { range: { start } });
    await expect(read).rejects.toMatchObject({ code: "RANGE_NOT_SATISFIABLE", details: { size: 10 } });
  });

  it("reads an empty object from its start, and no further", async () => {
    const store = await create();
    await store.put("k", new Uint8Array());
    for (const range of [{ start: 0 }, { start: 0, end: 5 }, { start: 0, end: 0 }]) {
      expect(await (await store.get("k", { range })).bytes()).toEqual(new Uint8Array());
      expect(await toBytes((await store.get("k", { range })).stream())).toEqual(new Uint8Array());
    }
    const beyond = store.get("k", { range: { start: 1 } });
    await expect(beyond).rejects.toMatchObject({ code: "RANGE_NOT_SATISFIABLE", details: { size: 0 } });
  });

  it("names a missing object, whatever the range", async () => {
    const store = await create();
    for (const range of [{ start: 0 }, { start: 5, end: 5 }, { start: 5, end: 9 }]) {
      await expect(store.get("none", { range })).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    }
  });
}

export function conditions({ create, streamBytes = 64 * 1024 * 1024 }: ObjectStoreSuite): void {
  const refusal = { code: "PRECONDITION_FAILED", details: { key: "k" } };

  it("writes ifAbsent once", async () => {
    const store = await create();
    await store.put("k", bytes("1"), { ifAbsent: true });
    await expect(store.put("k", bytes("2"), { ifAbsent: true })).rejects.toMatchObject(refusal);
    expect(text(await (await store.get("k")).bytes())).toBe("1");
    await store.delete("k");
    await store.put("k", bytes("3"), { ifAbsent: true });
    expect(text(await (await store.get("k")).bytes())).toBe("3");
  });

  it("writes ifMatch only over the etag that was read", async () => {
    const store = await create();
    const first = await store.put("k", bytes("1"));
    const second = await store.put("k", bytes("2"), { ifMatch: first.etag });
    await expect(store.put("k", bytes("3"), { ifMatch: first.etag })).rejects.toMatchObject(refusal);
    const missing = store.put("none", bytes("3"), { ifMatch: first.etag });
    await expect(missing).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
    expect(await store.head("none")).toBeUndefined();
    expect(text(await (await store.get("k")).bytes())).toBe("2");
    const object = await store.get("k");
    const { etag } = object.info;
    // A body holds its file or connection until it is read or cancelled.
    await object.stream().cancel();
    expect(etag).toBe(second.etag);
    await store.put("k", bytes("4"), { ifMatch: etag });
  });

  it("holds a condition over a large stream", async () => {
    const store = await create();
    await store.put("k", generated(streamBytes / 4), { ifAbsent: true });
    await expect(store.put("k", generated(streamBytes / 4), { ifAbsent: true })).rejects.toMatchObject(refusal);
    expect((await store.head("k"))?.size).toBe(streamBytes / 4);
  });

  it("lets one of fifty racing writers win ifAbsent", async () => {
    const store = await create();
    const writers = Array.from({ length: 50 }, (_, i) => store.put("k", bytes(`writer ${i}`), { ifAbsent: true }));
    const winner = onlyWinner(await Promise.allSettled(writers));
    expect(text(await (await store.get("k")).bytes())).toBe(`writer ${winner}`);
  });

  it("lets one of fifty racing writers win ifMatch", async () => {
    const store = await create();
    const { etag } = await store.put("k", bytes("first"));
    const writers = Array.from({ length: 50 }, (_, i) => store.put("k", bytes(`writer ${i}`), { ifMatch: etag }));
    const winner = onlyWinner(await Promise.allSettled(writers));
    expect(text(await (await store.get("k")).bytes())).toBe(`writer ${winner}`);
  });
}

function onlyWinner(outcomes: readonly PromiseSettledResult<unknown>[]): number {
  const lost = outcomes.filter((outcome) => outcome.status === "rejected");
  expect(lost).toHaveLength(outcomes.length - 1);
  for (const { reason } of lost) expect(reason).toMatchObject({ code: "PRECONDITION_FAILED" });
  return outcomes.findIndex((outcome) => outcome.status === "fulfilled");
}
