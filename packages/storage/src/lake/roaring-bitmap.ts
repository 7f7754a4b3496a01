/** Why bytes are not a bitmap. */
export class BitmapError extends Error {}

const portableMagic = 1_681_511_377;
const nativeMagic = 1_681_511_376;
const withoutRuns = 12_346;
const withRuns = 12_347;

/** Reads little-endian integers, never past the end. */
class Cursor {
  at = 0;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #skip(bytes: number): number {
    const start = this.at;
    if (start + bytes > this.#view.byteLength) throw new BitmapError("it ends too early");
    this.at += bytes;
    return start;
  }

  uint8 = (): number => this.#view.getUint8(this.#skip(1));
  uint16 = (): number => this.#view.getUint16(this.#skip(2), true);
  uint32 = (bigEndian = false): number => this.#view.getUint32(this.#skip(4), !bigEndian);
  skip = (bytes: number): void => void this.#skip(bytes);
}

/**
 * The numbers of a `RoaringBitmapArray`, ascending: "Deletion Vector Format" of the Delta protocol, in the portable
 * form and in the native one, which stands inline in tables of early writers.
 *
 * @param limit how many numbers there may be
 * @throws BitmapError
 */
export function readBitmapArray(bytes: Uint8Array, limit: number): number[] {
  const cursor = new Cursor(bytes);
  const native = cursor.uint32(true) === nativeMagic;
  cursor.at = 0;
  if (!native && cursor.uint32() !== portableMagic) throw new BitmapError("its magic number is unknown");
  cursor.at = 4;
  const numbers: number[] = [];
  const count = cursor.uint32(native);
  if (!native && cursor.uint32() !== 0) throw new BitmapError("it has too many bitmaps");
  let before = -1;
  for (let index = 0; index < count; index++) {
    // The native form gives the size of each bitmap, and numbers them; the portable one gives their keys.
    const head = cursor.uint32(native);
    const key = native ? index : head;
    if (key <= before || key > 0x1f_ffff) throw new BitmapError("its keys are out of order");
    before = key;
    readBitmap(cursor, key * 2 ** 32, numbers, limit);
  }
  return numbers;
}

/** One 32-bit bitmap, by the RoaringFormatSpec. */
function readBitmap(cursor: Cursor, base: number, into: number[], limit: number): void {
  const cookie = cursor.uint32();
  const hasRuns = (cookie & 0xffff) === withRuns;
  if (!hasRuns && cookie !== withoutRuns) throw new BitmapError("a bitmap has an unknown cookie");
  const size = hasRuns ? (cookie >>> 16) + 1 : cursor.uint32();
  if (size > 65_536) throw new BitmapError("a bitmap has too many containers");
  const runs = Array.from({ length: hasRuns ? Math.ceil(size / 8) : 0 }, cursor.uint8);
  const containers = Array.from({ length: size }, (_, index) => ({
    key: cursor.uint16(),
    cardinality: cursor.uint16() + 1,
    isRun: (((runs[index >> 3] ?? 0) >> (index & 7)) & 1) === 1,
  }));
  if (!hasRuns || size >= 4) cursor.skip(size * 4);
  for (const { key, cardinality, isRun } of containers) {
    const start = base + key * 65_536;
    const before = into.length;
    if (before + cardinality > limit) throw new BitmapError("it holds more rows than the log says");
    if (isRun) readRuns(cursor, start, into, before + cardinality);
    else if (cardinality <= 4096) for (let i = 0; i < cardinality; i++) into.push(start + cursor.uint16());
    else readBits(cursor, start, into);
    if (into.length !== before + cardinality) throw new BitmapError("a container is not of its size");
  }
}

function readRuns(cursor: Cursor, start: number, into: number[], limit: number): void {
  for (let left = cursor.uint16(); left > 0; left--) {
    const first = cursor.uint16();
    const last = first + cursor.uint16();
    if (last > 65_535 || into.length + last - first + 1 > limit) throw new BitmapError("a run is too long");
    for (let value = first; value <= last; value++) into.push(start + value);
  }
}

function readBits(cursor: Cursor, start: number, into: number[]): void {
  for (let byte = 0; byte < 8192; byte++) {
    const bits = cursor.uint8();
    for (let bit = 0; bit < 8; bit++) if (((bits >> bit) & 1) === 1) into.push(start + byte * 8 + bit);
  }
}
