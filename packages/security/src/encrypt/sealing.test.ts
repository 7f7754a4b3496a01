import { toBytes } from "@ashlar/core";
import { memoryKeyProvider } from "@ashlar/core/memory";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createEnvelope } from "./envelope.ts";

const segmentSize = 1024;
const envelope = createEnvelope({ keys: memoryKeyProvider(), segmentSize });

const streamOf = (chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk.slice());
      controller.close();
    },
  });

/** Reads with memory of the given sizes, one after another; `min` asks for all of it to be filled. */
async function readInto(
  stream: ReadableStream<Uint8Array>,
  sizes: readonly number[],
  isFull: boolean,
): Promise<Buffer> {
  const reader = stream.getReader({ mode: "byob" });
  const parts: Uint8Array[] = [];
  for (let turn = 0; ; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    const { value, done } = await reader.read(new Uint8Array(size), { min: isFull ? size : 1 });
    if (value !== undefined) parts.push(value.slice());
    if (done) return Buffer.concat(parts);
    expect(value.byteLength).toBeGreaterThanOrEqual(isFull ? size : 1);
  }
}

it("makes one message of a body, however that comes and whatever memory the reader brings", async () => {
  const chunks = fc.array(fc.integer({ min: 0, max: 4000 }), { maxLength: 8 });
  const memory = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(chunks, memory, fc.boolean(), async (sizes, memory, isFull) => {
      const parts = sizes.map((size, n) => new Uint8Array(size).fill(n + 1));
      const message = await readInto(envelope.encrypt(streamOf(parts)), memory, isFull);
      const plaintext = Buffer.concat(parts);
      expect(Buffer.from(await toBytes(envelope.decrypt(message)))).toEqual(plaintext);
      const source = {
        size: message.byteLength,
        read: async (start: number, end: number) => message.subarray(start, end),
      };
      expect(await envelope.plaintextSize(source)).toBe(plaintext.byteLength);
    }),
    {
      numRuns: 200,
      examples: [
        [[], [1], false],
        [[segmentSize], [segmentSize + 16], true],
        [[2 * segmentSize], [5000], true],
        [[segmentSize, 1], [1], false],
      ],
    },
  );
});
