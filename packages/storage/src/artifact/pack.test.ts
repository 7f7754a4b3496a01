import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Digest, digestOf } from "./digest.ts";
import { encodePack, indexBytes, PackIndex } from "./pack.ts";

const corrupt = expect.objectContaining({ code: "ARTIFACT_CORRUPT" });
const bodies = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 40 }), {
  minLength: 1,
  maxLength: 60,
  selector: digestOf,
});

function packOf(contents: readonly Uint8Array[]): ReturnType<typeof encodePack> {
  return encodePack(new Map(contents.map((body) => [digestOf(body), body])));
}

/** An index of which everything is as said, under the digest that it then has. */
function forged(entries: readonly (readonly [Digest, number])[], count = entries.length): [Digest, Buffer] {
  const text = Buffer.alloc(12 + 36 * entries.length);
  text.write("ASHPACK1");
  text.writeUInt32BE(count, 8);
  for (const [n, [digest, size]] of entries.entries()) {
    text.write(digest.slice(7), 12 + 36 * n, "hex");
    text.writeUInt32BE(size, 44 + 36 * n);
  }
  return [digestOf(text), text];
}

describe("a pack", () => {
  it("has each blob where its index says, and no other, whatever the order they came in", () => {
    const property = fc.property(bodies, fc.uint8Array({ maxLength: 8 }), (contents, other) => {
      const { digest, bytes, index } = packOf(contents);
      expect(packOf(contents.toReversed())).toMatchObject({ digest, bytes });
      const read = PackIndex.parse(digest, bytes.subarray(0, indexBytes(digest, bytes)));
      for (const body of contents) {
        const { start, end } = read.find(digestOf(body)) ?? { start: 0, end: 0 };
        expect(bytes.subarray(start, end)).toEqual(body);
      }
      const isThere = contents.some((body) => Buffer.from(body).equals(other));
      expect(read.find(digestOf(other)) !== undefined).toBe(isThere);
      const sizes = new Map([...read.entries()].map((entry) => [entry.digest, entry.size]));
      expect(sizes).toEqual(new Map(contents.map((body) => [digestOf(body), body.byteLength])));
      expect([...read.entries()]).toEqual([...index.entries()]);
      expect(read.bodyBytes).toBe(contents.reduce((sum, body) => sum + body.byteLength, 0));
    });
    fc.assert(property);
  });

  it("whose index lost or changed a byte is refused", () => {
    const property = fc.property(bodies, fc.nat(), fc.integer({ min: 1, max: 255 }), (contents, at, change) => {
      const { digest, bytes } = packOf(contents);
      const text = Buffer.from(bytes.subarray(0, indexBytes(digest, bytes)));
      expect(() => PackIndex.parse(digest, text.subarray(0, at % text.byteLength))).toThrow(corrupt);
      text.writeUInt8((text[at % text.byteLength] ?? 0) ^ change, at % text.byteLength);
      expect(() => PackIndex.parse(digest, text)).toThrow(corrupt);
    });
    fc.assert(property);
  });

  it("whose index was forged is refused for what is wrong with it", () => {
    const [a, b] = [digestOf(Buffer.from("a")), digestOf(Buffer.from("b"))].sort() as [Digest, Digest];
    expect([
      ...PackIndex.parse(
        ...forged([
          [a, 1],
          [b, 1],
        ]),
      ).entries(),
    ]).toHaveLength(2);
    const refused = [
      [
        forged([
          [b, 1],
          [a, 1],
        ]),
        "out of order",
      ],
      [
        forged([
          [a, 1],
          [a, 1],
        ]),
        "out of order",
      ],
      [forged([[a, 0]]), "empty"],
      [forged([], 0), "1 to 65536 blobs, not 0"],
      [forged([[a, 1]], 4_000_000_000), "1 to 65536 blobs"],
      [forged([[a, 1]], 2), "cut off"],
      [
        forged([
          [a, 0xff_ff_ff_ff],
          [b, 1],
        ]),
        "more than a pack may have",
      ],
    ] as const;
    for (const [[digest, text], problem] of refused) {
      expect(() => PackIndex.parse(digest, text)).toThrow(
        expect.objectContaining({ code: "ARTIFACT_CORRUPT", message: expect.stringContaining(problem) }),
      );
    }
  });
});
