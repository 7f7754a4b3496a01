import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteReader } from "./byte-reader.ts";

type Kind = "bytes" | "default";

/** A stream of the bytes 0, 1, 2, ... modulo 251 in chunks of the given sizes. */
function counting(sizes: readonly number[], kind: Kind): ReadableStream<Uint8Array> {
  let [next, chunk] = [0, 0];
  const fill = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => bytes.map(() => next++ % 251);
  if (kind === "default") {
    return new ReadableStream({
      pull(controller) {
        const size = sizes[chunk++];
        if (size === undefined) controller.close();
        else controller.enqueue(fill(new Uint8Array(size)));
      },
    });
  }
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const size = sizes[chunk];
      const request = controller.byobRequest;
      if (size === undefined) {
        controller.close();
        request?.respond(0);
      } else if (request?.view == null) {
        chunk += 1;
        controller.enqueue(fill(new Uint8Array(size)));
      } else {
        chunk += 1;
        const { buffer, byteOffset } = request.view;
        const bytes = new Uint8Array(buffer, byteOffset, size);
        bytes.set(fill(bytes));
        request.respond(size);
      }
    },
  });
}

describe.each<Kind>(["bytes", "default"])("a reader of a %s stream", (kind) => {
  it("cuts any chunks into any pieces, each good while the next byte is looked for", async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 50 }), async (chunks, size) => {
        const total = chunks.reduce((sum, chunk) => sum + chunk, 0);
        const reader = byteReader(counting(chunks, kind));
        const read: number[] = [];
        for (let last = false; !last;) {
          const piece = await reader.read(size);
          last = await reader.atEnd();
          expect(last || piece.byteLength === size).toBe(true);
          read.push(...piece);
        }
        expect(read).toEqual(Array.from({ length: total }, (_, i) => i % 251));
      }),
    );
  });

  it("ends when it is cancelled", async () => {
    const reader = byteReader(counting([4, 4, 4], kind));
    await reader.read(2);
    await reader.cancel(new Error("enough"));
    expect([await reader.atEnd(), (await reader.read(2)).byteLength]).toEqual([true, 0]);
  });

  it("passes on a failure of the body, after what came before it", async () => {
    let pulls = 0;
    const pull = (controller: { enqueue(bytes: Uint8Array<ArrayBuffer>): void }): void => {
      if (pulls++ > 0) throw new Error("the line is down");
      controller.enqueue(new Uint8Array(4));
    };
    const failing: ReadableStream<Uint8Array> =
      kind === "bytes" ? new ReadableStream({ type: "bytes", pull }) : new ReadableStream({ pull });
    const reader = byteReader(failing);
    expect((await reader.read(4)).byteLength).toBe(4);
    await expect(reader.read(1)).rejects.toThrow("the line is down");
  });
});
