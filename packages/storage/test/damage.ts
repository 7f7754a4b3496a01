/** Park and Miller's generator: the same numbers in every run. */
export function generator(seed: number): (below: number) => number {
  let state = (seed * 7_919 + 1) % 2_147_483_647;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/** A Parquet file damaged in one of eight ways, by the seed. */
export function damaged(whole: Uint8Array, seed: number): Uint8Array {
  const next = generator(seed);
  const bytes = whole.slice();
  const size = bytes.byteLength;
  const footer = new DataView(whole.buffer, whole.byteOffset + size - 8, 4).getUint32(0, true);
  const inFooter = (): number => size - 8 - 1 - next(footer);
  const anywhere = (): number => next(size);
  switch (seed % 8) {
    case 0:
      return bytes.subarray(0, anywhere());
    case 1:
      bytes[inFooter()] = next(256);
      return bytes;
    case 2:
      bytes[anywhere()] = next(256);
      return bytes;
    case 3: {
      const at = inFooter();
      bytes[at] = (bytes[at] ?? 0) ^ (1 << next(8));
      return bytes;
    }
    case 4:
      // The length of the footer lies.
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(
        size - 8,
        next(2) === 0 ? next(2 * size) : 0xffff_ff00,
        true,
      );
      return bytes;
    case 5:
      // An encrypted footer, or no magic at all.
      bytes.set(new TextEncoder().encode(next(2) === 0 ? "PARE" : "XXXX"), next(2) === 0 ? size - 4 : 0);
      return bytes;
    case 6:
      // Where a varint may stand, one that is as great as it can be.
      bytes.fill(0xff, inFooter(), size - 8);
      return bytes;
    default: {
      const [at, length] = [anywhere(), 1 + next(40)];
      bytes.copyWithin(at, anywhere(), Math.min(size, at + length));
      return bytes;
    }
  }
}
