import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Digest, digestOf } from "./digest.ts";
import { encodeMultiPackIndex, MultiPackIndex, prefixBytes } from "./multi-pack-index.ts";
import { encodePack } from "./pack.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Packs of numbered blobs: from each number on, so many. */
function packsOf(ranges: readonly (readonly [from: number, count: number])[]): Map<Digest, Set<Digest>> {
  const packs = new Map<Digest, Set<Digest>>();
  for (const [from, count] of ranges) {
    const blobs = Array.from({ length: count }, (_, n) => bytes(`blob ${from + n}`));
    packs.set(encodePack(new Map(blobs.map((blob) => [digestOf(blob), blob]))).digest, new Set(blobs.map(digestOf)));
  }
  return packs;
}

const prefixesOf = (packs: ReadonlyMap<Digest, ReadonlySet<Digest>>): Map<Digest, Buffer> =>
  new Map(
    [...packs].map(([pack, blobs]) => {
      const raw = [...blobs].sort().map((blob) => Buffer.from(blob.slice("sha256:".length), "hex"));
      return [pack, Buffer.concat(raw.map((digest) => digest.subarray(0, prefixBytes)))];
    }),
  );

const reading =
  (whole: Uint8Array, reads: number[] = []) =>
  async (start: number, end: number): Promise<Uint8Array> => {
    const part = whole.slice(start, end);
    reads.push(part.byteLength);
    return part;
  };

const ranges = fc.array(fc.tuple(fc.nat(3000), fc.integer({ min: 1, max: 400 })), { minLength: 1, maxLength: 12 });

describe("a multi-pack index", () => {
  it("tells the packs of every blob, and none of one that is in none", async () => {
    await fc.assert(
      fc.asyncProperty(ranges, fc.array(fc.nat(4000), { minLength: 1, maxLength: 30 }), async (ranges, asked) => {
        const packs = packsOf(ranges);
        const { digest, bytes: whole } = encodeMultiPackIndex(prefixesOf(packs));
        const index = await MultiPackIndex.open(digest, reading(whole));
        expect(index.packs).toEqual([...packs.keys()].sort());
        const blobs = asked.map((n) => digestOf(bytes(`blob ${n}`)));
        for (const blob of blobs) {
          await index.prepare([blob]);
          expect(index.packsOf(blob)).toEqual([...packs.keys()].sort().filter((pack) => packs.get(pack)?.has(blob)));
        }
        const sorted = (prefixes: Buffer): string[] => prefixes.toString("hex").match(/.{16}/g)?.sort() ?? [];
        await index.prepareAll();
        const again = [...index.prefixes()].map(([pack, prefixes]) => [pack, sorted(prefixes)]);
        const expected = [...prefixesOf(packs)].map(([pack, prefixes]) => [pack, sorted(prefixes)] as const);
        expect(again).toEqual(expected.sort(([a], [b]) => (a < b ? -1 : 1)));
      }),
      { numRuns: 60 },
    );
  });

  it("is read by its header and one block for a blob, and at once for many", async () => {
    const packs = packsOf(Array.from({ length: 100 }, (_, n) => [n * 300, 300] as const));
    const { digest, bytes: whole } = encodeMultiPackIndex(prefixesOf(packs));
    const reads: number[] = [];
    const index = await MultiPackIndex.open(digest, reading(whole, reads));
    const [first = digest, ...others] = [...packs.values()].flatMap((blobs) => [...blobs]);
    await index.prepare([first]);
    expect(reads).toHaveLength(2);
    expect(reads[1]).toBeLessThan(8 * 1024);
    await index.prepare([first]);
    await index.prepare(others);
    expect(reads).toHaveLength(3);
    expect(whole.byteLength).toBeLessThan(30_000 * 12 + 100 * 32 + 64 * 36 + 17);
  });

  it("has the bytes that architecture/artifacts.md says", () => {
    const packs = packsOf([
      [0, 3],
      [2, 1],
    ]);
    const whole = Buffer.from(encodeMultiPackIndex(prefixesOf(packs)).bytes);
    const raw = (digest: string): Buffer => Buffer.from(digest.slice("sha256:".length), "hex");
    const sorted = [...packs.keys()].sort();
    const entries = sorted.flatMap((pack, n) =>
      [...(packs.get(pack) ?? [])]
        .sort()
        .map((blob) => Buffer.concat([raw(blob).subarray(0, 8), Buffer.from([0, 0, 0, n])])),
    );
    const block = Buffer.concat(entries);
    const fixed = Buffer.from("ASHPKIX1\0\0\0\x02\0\0\0\0", "latin1");
    const header = Buffer.concat([fixed, ...sorted.map(raw), Buffer.from([0, 0, 0, 4]), raw(digestOf(block))]);
    expect(whole.equals(Buffer.concat([header, block]))).toBe(true);
    expect(encodeMultiPackIndex(prefixesOf(packs)).digest).toBe(digestOf(header));
  });

  it("with a changed or missing byte anywhere is refused before it says anything wrong", async () => {
    const packs = packsOf([
      [0, 700],
      [500, 600],
    ]);
    const { digest, bytes: whole } = encodeMultiPackIndex(prefixesOf(packs));
    const blobs = [...packs.values()].flatMap((each) => [...each]);
    const property = fc.asyncProperty(
      fc.nat(whole.byteLength - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (at, flip, isCut) => {
        const damaged = isCut ? whole.slice(0, at) : Uint8Array.from(whole);
        if (!isCut) damaged[at] = (damaged[at] ?? 0) ^ flip;
        const all = async (): Promise<void> => {
          const index = await MultiPackIndex.open(digest, reading(damaged));
          await index.prepare(blobs);
        };
        await expect(all()).rejects.toMatchObject({ code: "ARTIFACT_CORRUPT" });
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});
