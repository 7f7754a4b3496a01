import fc from "fast-check";
import { expect, test } from "vitest";
import { BufferPool } from "../infer/buffer-pool.ts";
import { type BodyCollector, type BodySource, collectBody } from "./body.ts";
import { BodyTimeouts } from "./body-timeouts.ts";

const rules = (maxBodyBytes: number, milliseconds = 60_000) => ({
  maxBodyBytes,
  timeouts: new BodyTimeouts(milliseconds),
  buffers: new BufferPool(),
});

/** Gives the pieces in turns of the event loop. */
function sourceOf(pieces: readonly Uint8Array[], announced: number | undefined, ownsPieces: boolean): BodySource {
  return {
    contentLength: announced?.toString(),
    contentEncoding: undefined,
    ownsPieces,
    read(collector) {
      queueMicrotask(() => {
        for (const piece of pieces) collector.add(piece);
        collector.end();
      });
    },
    stop: () => {},
  };
}

test("a body is its pieces, whatever length was announced", async () => {
  const sizes = fc.array(fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: 60_000 })), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.option(fc.nat({ max: 300_000 })), fc.boolean(), async (lengths, announced, owns) => {
      let next = 0;
      const pieces = lengths.map((length) => Uint8Array.from({ length }, () => next++ % 251));
      const expected = Buffer.concat(pieces);
      const length = announced === null ? undefined : announced % 3 === 0 ? expected.length : announced;
      const body = await collectBody(sourceOf(pieces, length, owns), rules(1_000_000));
      expect(Buffer.compare(body, expected)).toBe(0);
      // What others may look at is neither freed nor handed out.
      expect(owns || Buffer.compare(Buffer.concat(pieces), expected) === 0).toBe(true);
      expect(owns || pieces.every(({ buffer }) => buffer !== body.buffer)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("the word of a client alone makes no room: half of a large body must have come", async () => {
  const buffers = new BufferPool();
  const taken: number[] = [];
  const watched = Object.assign(buffers, {
    take: (bytes: number) => {
      taken.push(bytes);
      return new ArrayBuffer(bytes);
    },
  });
  let collector!: BodyCollector;
  const source = { ...sourceOf([], 64_000_000, true), read: (made: BodyCollector) => void (collector = made) };
  void collectBody(source, { ...rules(64_000_000), buffers: watched });
  collector.add(new Uint8Array(16_000_000));
  expect(taken).toEqual([]);
  collector.add(new Uint8Array(16_000_000));
  expect(taken).toEqual([64_000_000]);
});

test("a body that is late is given up, and those before and after it are not", async () => {
  const given = rules(100, 40);
  const quick = collectBody(sourceOf([Uint8Array.of(1)], undefined, true), given);
  let stopped = 0;
  const silent = { ...sourceOf([], undefined, true), read: () => {}, stop: () => void stopped++ };
  const keepAlive = setTimeout(() => {}, 60_000);
  await expect(collectBody(silent, given)).rejects.toMatchObject({
    code: "PROTOCOL_BODY_TIMEOUT",
    details: { bodyTimeoutMs: 40 },
  });
  await expect(collectBody(silent, given)).rejects.toMatchObject({ code: "PROTOCOL_BODY_TIMEOUT" });
  clearTimeout(keepAlive);
  expect(stopped).toBe(2);
  expect(await quick).toEqual(Uint8Array.of(1));
});
