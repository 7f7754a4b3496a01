import type { Bytes } from "@ashlar/core";

const smallBytes = 64 * 1024;
const most = 1024;
const mostBytes = 4 * 1024 * 1024;

/** Bodies in their order, small ones that follow one another together. */
export async function* gathered(bodies: Iterable<Bytes> | AsyncIterable<Bytes>): AsyncGenerator<Uint8Array[] | Bytes> {
  let small: Uint8Array[] = [];
  let size = 0;
  for await (const body of bodies) {
    const isSmall = body instanceof Uint8Array && body.byteLength <= smallBytes;
    if (small.length > 0 && (!isSmall || small.length >= most || size + body.byteLength > mostBytes)) {
      yield small;
      small = [];
      size = 0;
    }
    if (isSmall) {
      small.push(body);
      size += body.byteLength;
    } else yield body;
  }
  if (small.length > 0) yield small;
}
