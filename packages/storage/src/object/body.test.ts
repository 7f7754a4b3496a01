import fc from "fast-check";
import { expect, it } from "vitest";
import { chunksOf, piecesOf } from "./body.ts";

const streamOf = (chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

it("cuts any body into pieces of one size, and loses nothing", async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 1, max: 50 }), async (chunks, size) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of piecesOf(streamOf(chunks), size)) pieces.push(piece);
      expect(Buffer.concat(pieces)).toEqual(Buffer.concat(chunks));
      expect(pieces.length).toBeGreaterThan(0);
      expect(pieces.slice(0, -1).every((piece) => piece.byteLength === size)).toBe(true);
      expect(pieces.at(-1)?.byteLength).toBeLessThanOrEqual(size);
    }),
  );
});

it("cancels a body it is not read to the end of", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(10)),
    cancel: () => void (cancelled = true),
  });
  for await (const piece of piecesOf(body, 25)) {
    expect(piece.byteLength).toBe(25);
    break;
  }
  expect(cancelled).toBe(true);
});

it("fails with the body, and with the signal while the body is silent", async () => {
  const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("gone")) });
  await expect(chunksOf(broken).next()).rejects.toThrow("gone");
  const stop = new AbortController();
  const silent = chunksOf(new ReadableStream<Uint8Array>(), stop.signal).next();
  stop.abort(new Error("enough"));
  await expect(silent).rejects.toThrow("enough");
});
