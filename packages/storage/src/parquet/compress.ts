import { constants, gzipSync, zstdCompressSync } from "node:zlib";

/** Pages that hyparquet-writer makes have no checksum; that of a Zstandard frame (RFC 8878, 3.1.1) every reader checks. */
const checksummed = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

/** For hyparquet-writer. */
export const pageCompressors: Readonly<Record<"ZSTD" | "GZIP", (input: Uint8Array) => Uint8Array>> = {
  ZSTD: (input) => zstdCompressSync(input, checksummed),
  GZIP: (input) => gzipSync(input),
};
