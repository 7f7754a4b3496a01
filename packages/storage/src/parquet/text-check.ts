import { isAscii, isUtf8 } from "node:buffer";
import { storageError } from "../errors.ts";
import type { ColumnBytes } from "./column-bytes.ts";
import type { Column } from "./column.ts";

/**
 * @param codec whose name the error tells
 * @throws CODEC_REFUSED for a string that is no UTF-8
 */
export function assertText(column: Column, { bytes, offsets }: ColumnBytes, codec: string): void {
  const all = bytes.subarray(offsets[0], offsets[column.length]);
  if (isAscii(all)) return;
  const isText = isUtf8(all)
    ? // Two halves of a character are UTF-8 together, but not each.
      (start: number) => ((bytes[start] as number) & 0xc0) !== 0x80
    : (start: number, end: number) => isUtf8(bytes.subarray(start, end));
  let row = 0;
  for (; row < column.length; row++) {
    const [start, end] = [offsets[row] as number, offsets[row + 1] as number];
    if (start < end && !column.isNull(row) && !isText(start, end)) break;
  }
  if (row === column.length) return;
  throw storageError("CODEC_REFUSED", {
    codec,
    what: `text that is not UTF-8, in the column "${column.name}"`,
    remedy: "Give text in UTF-8, or declare the column as binary.",
  });
}
