/** A `RoaringBitmapArray` in Delta's portable form, written by the RoaringFormatSpec, for tests. */
export function bitmapArray(sorted: readonly number[], runs: boolean): Uint8Array {
  const bitmaps = new Map<number, number[]>();
  for (const row of sorted) {
    const key = Math.floor(row / 2 ** 32);
    if (!bitmaps.has(key)) bitmaps.set(key, []);
  }
  for (const row of sorted) bitmaps.get(Math.floor(row / 2 ** 32))?.push(row % 2 ** 32);
  const bytes: number[] = [];
  uint32(bytes, 1_681_511_377);
  uint32(bytes, bitmaps.size);
  uint32(bytes, 0);
  for (const [key, rows] of bitmaps) {
    uint32(bytes, key);
    bitmap(bytes, rows, runs);
  }
  return Uint8Array.from(bytes);
}

function bitmap(bytes: number[], rows: readonly number[], runs: boolean): void {
  const containers = new Map<number, number[]>();
  for (const row of rows) {
    const key = Math.floor(row / 65_536);
    const values = containers.get(key) ?? [];
    values.push(row % 65_536);
    containers.set(key, values);
  }
  const bodies = [...containers.values()].map((values) => container(values, runs));
  if (runs) {
    uint32(bytes, 12_347 + (containers.size - 1) * 65_536);
    for (let i = 0; i < Math.ceil(containers.size / 8); i++) bytes.push(0xff);
  } else {
    uint32(bytes, 12_346);
    uint32(bytes, containers.size);
  }
  for (const [key, values] of containers) uint16(bytes, key, values.length - 1);
  if (!runs || containers.size >= 4) for (const _ of bodies) uint32(bytes, 0);
  for (const body of bodies) for (const byte of body) bytes.push(byte);
}

function container(values: readonly number[], runs: boolean): number[] {
  const bytes: number[] = [];
  if (runs) {
    const starts = values.filter((value, i) => value - 1 !== values[i - 1]);
    const ends = values.filter((value, i) => value + 1 !== values[i + 1]);
    uint16(bytes, starts.length);
    for (const [i, start] of starts.entries()) uint16(bytes, start, (ends[i] ?? 0) - start);
  } else if (values.length <= 4096) {
    uint16(bytes, ...values);
  } else {
    const bits = new Uint8Array(8192);
    for (const value of values) bits[value >> 3] = (bits[value >> 3] ?? 0) | (1 << (value & 7));
    bytes.push(...bits);
  }
  return bytes;
}

function uint16(bytes: number[], ...values: readonly number[]): void {
  for (const value of values) bytes.push(value & 255, value >> 8);
}

function uint32(bytes: number[], value: number): void {
  bytes.push(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24);
}
