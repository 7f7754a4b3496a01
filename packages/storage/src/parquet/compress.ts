import { promisify } from "node:util";
import { constants, gzip, gzipSync, zstdCompress, zstdCompressSync } from "node:zlib";
import { snappyCompress } from "hyparquet-writer/src/snappy.js";
import type { Compression } from "./port.ts";

/** Pages that hyparquet-writer makes have no checksum; that of a Zstandard frame (RFC 8878, 3.1.1) every reader checks. */
const checksummed = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

/** Room for the whole of what comes out: else it comes in pieces of 16 KiB, and each of them costs. */
const inOnePiece = ({ byteLength }: Uint8Array): { readonly chunkSize: number } => ({
  chunkSize: byteLength + (byteLength >> 7) + 1024,
});

/** For hyparquet-writer. */
export const pageCompressors: Readonly<Record<"ZSTD" | "GZIP", (input: Uint8Array) => Uint8Array>> = {
  ZSTD: (input) => zstdCompressSync(input, checksummed),
  GZIP: (input) => gzipSync(input),
};

/** The names of compressions in a Parquet file. */
export const parquetCompressions: Readonly<Record<Compression, "ZSTD" | "SNAPPY" | "GZIP" | "UNCOMPRESSED">> = {
  zstd: "ZSTD",
  snappy: "SNAPPY",
  gzip: "GZIP",
  none: "UNCOMPRESSED",
};

/** Bytes below which another thread costs more than it saves. */
const smallPage = 16 * 1024;

const inThread = { zstd: promisify(zstdCompress), gzip: promisify(gzip) };

/** Compresses a page, a large one in a thread of Node's pool. */
export async function compressPage(page: Uint8Array, compression: Compression): Promise<Uint8Array> {
  if (compression === "none" || compression === "snappy" || page.byteLength < smallPage) {
    return compressPageNow(page, compression);
  }
  const options = inOnePiece(page);
  return compression === "zstd" ? inThread.zstd(page, { ...checksummed, ...options }) : inThread.gzip(page, options);
}

export function compressPageNow(page: Uint8Array, compression: Compression): Uint8Array {
  switch (compression) {
    case "none":
      return page;
    case "snappy":
      return snappyCompress(page);
    case "gzip":
      return gzipSync(page, inOnePiece(page));
    case "zstd":
      return zstdCompressSync(page, { ...checksummed, ...inOnePiece(page) });
  }
}
