import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { Compressors } from "hyparquet";
import { compressors } from "hyparquet-compressors";

/** A page larger than this is taken for damage: writers make pages of about one mebibyte. */
export const largestPage: number = 256 * 1024 * 1024;

type Decompress = NonNullable<Compressors["SNAPPY"]>;

/** Node's own where it has one; none gives more bytes than the page's header says. */
export const decompressors: Compressors = {
  ...Object.fromEntries(
    Object.entries(compressors).map(([name, decompress]) => [name, exactly(decompress as Decompress)]),
  ),
  ZSTD: exactly((input, size) => zstdDecompressSync(input, inOnePiece(size))),
  GZIP: exactly((input, size) => gunzipSync(input, inOnePiece(size))),
};

/** With room for a little more than all of it: pieces of 16 KiB would each cost. */
function inOnePiece(size: number): { readonly maxOutputLength: number; readonly chunkSize: number } {
  return { maxOutputLength: Math.max(size, 1), chunkSize: size + 64 };
}

function exactly(decompress: Decompress): Decompress {
  return (input, size) => {
    if (size < 0 || size > largestPage) throw new RangeError(`a page of ${size} bytes`);
    // A block of nothing is not known to every one of them.
    if (size === 0) return new Uint8Array();
    const output = decompress(input, size);
    if (output.byteLength !== size) throw new RangeError(`a page has ${output.byteLength} bytes, not ${size}`);
    return output;
  };
}
