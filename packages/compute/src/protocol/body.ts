import { createGunzip, createInflate, createInflateRaw, type Gunzip, type Inflate, type InflateRaw } from "node:zlib";

import { concatBytes } from "@ashlar/core";

import { computeError } from "../errors.ts";

export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
}

/** Where the pieces of a body come from; `stop` is called when no more are wanted. */
export interface BodySource {
  readonly contentLength: string | undefined;
  readonly contentEncoding: string | undefined;
  read(onChunk: (chunk: Uint8Array) => void, onEnd: () => void, onError: (error: Error) => void): void;
  stop(): void;
}

/**
 * Collects a body of at most `maxBodyBytes`, unpacked. Reading ends at the limit, so that neither a long body nor a small
 * one that unpacks to gigabytes fills the memory, and after `bodyTimeoutMs`, so that a client which sends a byte a second
 * holds nothing for long.
 *
 * @throws PROTOCOL_BODY_TOO_LARGE, PROTOCOL_BODY_TIMEOUT, PROTOCOL_UNSUPPORTED, PROTOCOL_REQUEST_INVALID
 */
export async function collectBody(source: BodySource, limits: BodyLimits): Promise<Uint8Array> {
  const limit = limits.maxBodyBytes;
  if (Number(source.contentLength ?? 0) > limit) throw computeError("PROTOCOL_BODY_TOO_LARGE", { limit });
  const encoding = source.contentEncoding?.trim().toLowerCase() ?? "";
  if (encoding !== "" && encoding !== "identity" && encoding !== "gzip" && encoding !== "deflate") {
    const what = `Content-Encoding "${encoding.slice(0, 60)}"`;
    throw computeError("PROTOCOL_UNSUPPORTED", { what, remedy: "Use gzip or deflate, or none." });
  }
  const packed = await collect(source, limits);
  return encoding === "gzip" || encoding === "deflate" ? unpack(packed, encoding, limit) : packed;
}

function collect(source: BodySource, { maxBodyBytes, bodyTimeoutMs }: BodyLimits): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const end = (action: () => void): void => {
      clearTimeout(timer);
      action();
    };
    const refuse = (error: Error): void =>
      end(() => {
        source.stop();
        reject(error);
      });
    const timer = setTimeout(() => refuse(computeError("PROTOCOL_BODY_TIMEOUT", { bodyTimeoutMs })), bodyTimeoutMs);
    source.read(
      (chunk) => {
        size += chunk.byteLength;
        if (size > maxBodyBytes) refuse(computeError("PROTOCOL_BODY_TOO_LARGE", { limit: maxBodyBytes }));
        else chunks.push(chunk);
      },
      () => end(() => resolve(chunks.length === 1 ? (chunks[0] as Uint8Array) : concatBytes(chunks))),
      (error) => {
        const what = `the body could not be read to its end (${error.message})`;
        refuse(computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "it arrives whole" }, { cause: error }));
      },
    );
  });
}

function unpack(packed: Uint8Array, encoding: "gzip" | "deflate", limit: number): Promise<Uint8Array> {
  const stream = unpacker(packed, encoding);
  const source: BodySource = {
    contentLength: undefined,
    contentEncoding: undefined,
    read(onChunk, onEnd, onError) {
      stream.on("data", onChunk).on("end", onEnd).on("error", onError);
      stream.end(packed);
    },
    stop: () => void stream.destroy(),
  };
  return collect(source, { maxBodyBytes: limit, bodyTimeoutMs: 2 ** 30 });
}

/** Clients send `deflate` with the zlib header that RFC 9110 asks for, and without it. */
function unpacker(packed: Uint8Array, encoding: "gzip" | "deflate"): Gunzip | Inflate | InflateRaw {
  if (encoding === "gzip") return createGunzip();
  return ((packed[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw();
}
