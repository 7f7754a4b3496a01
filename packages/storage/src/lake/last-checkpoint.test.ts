import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { jsonChecksum } from "./canonical-checksum.ts";
import { readLastCheckpoint, unlikeNoted, writeLastCheckpoint } from "./last-checkpoint.ts";

describe("the checksum of a JSON object", () => {
  it("is that of the protocol's example, whatever the order of its keys", () => {
    const example = {
      k0: "'v 0'",
      checksum: "adsaskfljadfkjadfkj",
      k1: { k2: 2, k3: ["v3", [1, 2], { k4: "v4", k5: ["v5", "v6", "v7"] }] },
    };
    expect(jsonChecksum(example)).toBe("6a92d155a59bf2eecbd4b4ec7fd1f875");
    expect(jsonChecksum({ k1: example.k1, k0: example.k0 })).toBe("6a92d155a59bf2eecbd4b4ec7fd1f875");
    const odd = { a: null, b: true, "\u20ac+": "*()!'~" };
    expect(jsonChecksum(odd)).not.toBe(jsonChecksum({ ...odd, b: false }));
  });
});

describe("the hint of the last checkpoint", () => {
  const key = "t/_delta_log/_last_checkpoint";
  const bytes = new TextEncoder().encode("a checkpoint");
  const last = { version: 10, size: 13, sizeInBytes: bytes.byteLength, numOfAddFiles: 11 };
  const hintOf = async (text: (written: string) => string): Promise<Awaited<ReturnType<typeof readLastCheckpoint>>> => {
    const objects = memoryObjectStore();
    await writeLastCheckpoint(objects, key, last, bytes, async () => false);
    const written = new TextDecoder().decode(await (await objects.get(key)).bytes());
    await objects.put(key, new TextEncoder().encode(text(written)));
    return readLastCheckpoint(objects, key);
  };

  it("tells of the checkpoint what it can prove to have been written", async () => {
    const hint = await hintOf((written) => written);
    expect(hint).toMatchObject({ version: 10, noted: last });
    expect(await hintOf((written) => written.replace('"size":13', '"size":14'))).toBeUndefined();
    expect(await hintOf((written) => written.replace(/,"checksum":"\w+"/, ""))).toEqual({ version: 10 });
    expect(await hintOf(() => "7")).toBeUndefined();
  });

  it("goes back only from a checkpoint that is not there", async () => {
    const objects = memoryObjectStore();
    const write = async (version: number, isThere: boolean): Promise<number | undefined> => {
      await writeLastCheckpoint(objects, key, { ...last, version }, bytes, async () => isThere);
      return (await readLastCheckpoint(objects, key))?.version;
    };
    expect(await write(20, true)).toBe(20);
    expect(await write(10, true)).toBe(20);
    expect(await write(30, true)).toBe(30);
    expect(await write(10, false)).toBe(10);
    await objects.put(key, new TextEncoder().encode("{"));
    expect(await write(10, true)).toBe(10);
  });

  it("is the newest one's, whoever comes last", async () => {
    const objects = memoryObjectStore();
    const versions = Array.from({ length: 20 }, (_, index) => ((index * 7) % 20) + 1);
    const write = (version: number): Promise<void> =>
      writeLastCheckpoint(objects, key, { ...last, version }, bytes, async () => true);
    await Promise.all(versions.map(write));
    expect((await readLastCheckpoint(objects, key))?.version).toBe(20);
  });

  it("speaks against other bytes of the same size, and against other files", async () => {
    const { noted } = (await hintOf((written) => written)) ?? {};
    const found = { bytes, adds: 11, actions: 13 };
    const problem = (other: Partial<typeof found>): string | undefined =>
      noted && unlikeNoted(noted, { ...found, ...other });
    expect(noted).toBeDefined();
    expect(problem({})).toBeUndefined();
    expect(problem({ bytes: bytes.toReversed() })).toContain("SHA-256");
    expect(problem({ actions: 12 })).toContain("12 actions, of 13");
    expect(problem({ adds: 10 })).toContain("10 files, of 11");
    // Another writer's, with other tombstones.
    expect(problem({ bytes: new Uint8Array(5), actions: 9 })).toBeUndefined();
  });
});
