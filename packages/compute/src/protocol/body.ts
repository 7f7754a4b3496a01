import { concatBytes } from "@ashlar/core";

import { computeError } from "../errors.ts";

/** Compressions of a request body, by `Content-Encoding`, and the name the web platform has for each. */
const encodings: Readonly<Record<string, CompressionFormat>> = { gzip: "gzip", deflate: "deflate" };

/**
 * Reads a request body of at most `limit` bytes, unpacked. Reading ends at the limit, so that neither a long body nor a
 * small one that unpacks to gigabytes fills the memory.
 *
 * @throws PROTOCOL_BODY_TOO_LARGE, PROTOCOL_UNSUPPORTED, PROTOCOL_REQUEST_INVALID
 */
export async function readBody(request: Request, limit: number): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > limit)
    throw computeError("PROTOCOL_BODY_TOO_LARGE", { limit });
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity" || encoding === "") return readAll(request.body, limit);
  const format = Object.hasOwn(encodings, encoding) ? encodings[encoding] : undefined;
  if (format === undefined) {
    const remedy = `Use ${Object.keys(encodings).join(" or ")}, or none.`;
    throw computeError("PROTOCOL_UNSUPPORTED", { what: `Content-Encoding "${encoding}"`, remedy });
  }
  const packed = await readAll(request.body, limit);
  const unpacked = new Blob([packed as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream(format));
  return readAll(unpacked, limit);
}

async function readAll(stream: ReadableStream<Uint8Array> | null, limit: number): Promise<Uint8Array> {
  if (stream === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      const what = `the body could not be read to its end (${(error as Error).message})`;
      throw computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "it arrives whole" }, { cause: error });
    });
    if (done) break;
    size += value.byteLength;
    if (size > limit) {
      await reader.cancel().catch(() => {});
      throw computeError("PROTOCOL_BODY_TOO_LARGE", { limit });
    }
    chunks.push(value);
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : concatBytes(chunks);
}
