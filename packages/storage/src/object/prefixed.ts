import { byobReader } from "@ashlar/core";

const chunkBytes = 256 * 1024;

/** Some bytes, and after them a stream. A reader that brings its own memory has it filled by the stream itself. */
export function prefixed(prefix: Uint8Array, rest: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  // The stream takes over the memory of what it is given, and the prefix may be remembered elsewhere.
  let held = prefix.byteLength > 0 ? prefix.slice() : undefined;
  const source = sourceOf(rest);
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      if (held !== undefined) {
        controller.enqueue(held);
        held = undefined;
        return;
      }
      const request = controller.byobRequest;
      const { value, done, into } = await source.read(request?.view ?? undefined);
      if (done) controller.close();
      // The memory of the request went through the source, and came back in another object.
      if (into !== undefined) request?.respondWithNewView(into);
      else if (done) request?.respond(0);
      else controller.enqueue(value);
    },
    cancel: (reason) => source.cancel(reason),
  });
}

interface Source {
  /** With `into`, the part of the view's memory that was filled, where the source fills memory that is brought. */
  read(view: ArrayBufferView | undefined): Promise<Chunk>;
  cancel(reason: unknown): Promise<void>;
}

type Bytes = Uint8Array<ArrayBuffer>;
type Chunk = { readonly into?: Bytes | undefined } & (
  | { readonly done: true; readonly value?: undefined }
  | { readonly done: false; readonly value: Bytes }
);

function sourceOf(stream: ReadableStream<Uint8Array>): Source {
  const own = byobReader(stream);
  if (own === undefined) {
    const reader = stream.getReader();
    return {
      async read() {
        const { value, done } = await reader.read();
        return done ? { done } : { done, value: value as Bytes };
      },
      cancel: (reason) => reader.cancel(reason),
    };
  }
  return {
    async read(view) {
      const { value, done } = await own.read(view === undefined ? new Uint8Array(chunkBytes) : bytesOf(view));
      const into = view === undefined ? undefined : value;
      return done ? { done, into } : { done, value, into };
    },
    cancel: (reason) => own.cancel(reason),
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Bytes =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
