import type { ExactFloatSum } from "../offline/exact-sum.ts";
import { sketchCorrupt } from "../sketch/corrupt.ts";

const wide = 255;

/**
 * An exact sum in bytes: how many parts (1 byte) and each as a double; or, of one beyond them, 255, a length (4 bytes) and
 * the units of 2^-1074 in hexadecimal.
 */
export function sumBytes(sum: ExactFloatSum): Buffer {
  if (sum.wide) {
    const text = Buffer.from(sum.units.toString(16));
    const head = Buffer.alloc(5);
    head[0] = wide;
    head.writeUInt32LE(text.length, 1);
    return Buffer.concat([head, text]);
  }
  const { parts } = sum;
  const bytes = Buffer.alloc(1 + 8 * parts.length);
  bytes[0] = parts.length;
  parts.forEach((part, i) => bytes.writeDoubleLE(part, 1 + 8 * i));
  return bytes;
}

/** Adds what `sumBytes` wrote at `at`. @returns where it ends @throws VECTOR_CORRUPT */
export function mergeSum(sum: ExactFloatSum, bytes: Buffer, at: number): number {
  const count = bytes[at];
  if (count === wide) {
    if (at + 5 > bytes.length) throw sketchCorrupt("a sum");
    const end = at + 5 + bytes.readUInt32LE(at + 1);
    const text = bytes.toString("latin1", at + 5, end);
    if (!/^-?[0-9a-f]+$/.test(text)) throw sketchCorrupt("a sum");
    sum.addUnits(text.startsWith("-") ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`));
    return end;
  }
  const end = at + 1 + 8 * (count ?? NaN);
  if (!(end <= bytes.length)) throw sketchCorrupt("a sum");
  for (let i = at + 1; i < end; i += 8) {
    const part = bytes.readDoubleLE(i);
    if (!Number.isFinite(part)) throw sketchCorrupt("a sum");
    sum.add(part);
  }
  return end;
}
