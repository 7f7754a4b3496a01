import { toBytes } from "@ashlar/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { prefixed } from "./prefixed.ts";

const numbered = (from: number, size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => from + i);

/** Fills the memory of whoever reads, some bytes at a time. */
function byteStream(bytes: Uint8Array, step: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const request = controller.byobRequest;
      const part = bytes.subarray(at, at + Math.min(step, request?.view?.byteLength ?? step));
      at += part.byteLength;
      if (part.byteLength === 0) {
        controller.close();
        request?.respond(0);
      } else if (request?.view == null) controller.enqueue(part.slice());
      else {
        new Uint8Array(request.view.buffer, request.view.byteOffset).set(part);
        request.respond(part.byteLength);
      }
    },
  });
}

const chunked = (bytes: Uint8Array, step: number): ReadableStream<Uint8Array> => {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.byteLength) controller.close();
      else controller.enqueue(bytes.slice(at, (at += step)));
    },
  });
};

async function withOwnMemory(stream: ReadableStream<Uint8Array>, size: number): Promise<Uint8Array> {
  const reader = stream.getReader({ mode: "byob" });
  const read: number[] = [];
  for (let memory = new ArrayBuffer(size); ;) {
    const { value, done } = await reader.read(new Uint8Array(memory));
    if (done) return Uint8Array.from(read);
    read.push(...value);
    memory = value.buffer;
  }
}

describe("a prefixed stream", () => {
  it("is the prefix and the rest, whoever brings the memory", async () => {
    const size = fc.integer({ min: 1, max: 9 });
    await fc.assert(
      fc.asyncProperty(fc.nat(20), fc.nat(40), size, size, fc.boolean(), async (head, tail, step, own, byob) => {
        const rest = (): ReadableStream<Uint8Array> => (byob ? byteStream : chunked)(numbered(head, tail), step);
        const whole = numbered(0, head + tail);
        const prefix = numbered(0, head);
        expect(await toBytes(prefixed(prefix, rest()))).toEqual(whole);
        expect(await withOwnMemory(prefixed(prefix, rest()), own)).toEqual(whole);
        expect(prefix).toHaveLength(head);
      }),
    );
  });

  it("lets go of the rest when it is cancelled, and fails as the rest does", async () => {
    let reason: unknown;
    const cancelled = prefixed(new Uint8Array(), new ReadableStream({ cancel: (why) => void (reason = why) }));
    await cancelled.cancel("enough");
    expect(reason).toBe("enough");
    const failing = new ReadableStream({ type: "bytes", pull: () => Promise.reject(new Error("torn")) });
    await expect(toBytes(prefixed(new Uint8Array(1), failing))).rejects.toThrow("torn");
  });
});
