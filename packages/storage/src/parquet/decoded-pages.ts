import type { Compressors } from "hyparquet";
import { decompressors } from "./decompress.ts";

interface Decoded {
  readonly compressed: Uint8Array;
  readonly page: Uint8Array;
}

/**
 * Pages that were decompressed to be checked, for the library that would decompress them again: it asks with copies, so
 * that they are found by their bytes.
 */
export class DecodedPages {
  readonly #byLength = new Map<number, Decoded[]>();
  readonly compressors: Compressors;

  constructor() {
    this.compressors = Object.fromEntries(
      Object.keys(decompressors).map((codec) => [
        codec,
        (input: Uint8Array, size: number) => this.#find(input, size) ?? decompressed(codec, input, size),
      ]),
    );
  }

  decompress(codec: string, compressed: Uint8Array, size: number): Uint8Array {
    if (codec === "UNCOMPRESSED") return compressed;
    const page = this.#find(compressed, size) ?? decompressed(codec, compressed, size);
    const alike = this.#byLength.get(compressed.byteLength) ?? [];
    this.#byLength.set(compressed.byteLength, [...alike, { compressed, page }]);
    return page;
  }

  #find(compressed: Uint8Array, size: number): Uint8Array | undefined {
    const alike = this.#byLength.get(compressed.byteLength);
    return alike?.find((one) => one.page.byteLength === size && Buffer.compare(one.compressed, compressed) === 0)?.page;
  }
}

function decompressed(codec: string, compressed: Uint8Array, size: number): Uint8Array {
  const decompress = decompressors[codec as keyof Compressors];
  if (decompress === undefined) throw new RangeError(`a page is compressed with ${codec}`);
  return decompress(compressed, size);
}
