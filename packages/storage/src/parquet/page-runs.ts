import { readVarInt } from "hyparquet/src/thrift.js";

/** Where a reader of a page stands. */
export interface PageReader {
  readonly view: DataView;
  offset: number;
}

/** Writers fill the last group of a bit-packed run up: to 8 values as a rule, to 256 in DuckDB. */
const padding = 1024;

/**
 * Walks the runs of the "RLE/bit-packing hybrid" of Parquet's encodings without unpacking them. The library that unpacks
 * them believes their lengths, so that a damaged one would have it write a thousand million values.
 *
 * @param values how many are wanted of it
 * @throws RangeError
 */
export function checkRuns(reader: PageReader, width: number, values: number): void {
  if (width > 32) throw new RangeError(`a page has values of ${width} bits`);
  let seen = 0;
  while (seen < values && reader.offset < reader.view.byteLength) {
    const header = readVarInt(reader) >>> 0;
    const packed = (header & 1) === 1;
    const count = packed ? (header >>> 1) * 8 : header >>> 1;
    if (count > values + padding) throw new RangeError(`a page of ${values} values has a run of ${count}`);
    reader.offset += packed ? (header >>> 1) * width : (width + 7) >> 3;
    seen += count;
  }
}

/** As {@link checkRuns}, of runs that follow their length in bytes. Leaves the reader behind them. */
export function checkSizedRuns(reader: PageReader, width: number, values: number): void {
  const length = reader.view.getUint32(reader.offset, true);
  const start = reader.offset + 4;
  checkRuns({ view: reader.view, offset: start }, width, values);
  reader.offset = start + length;
}
