/** Sets the bits from `start` up to, not including, `end`; the first of a byte is its lowest. */
export function setBits(bits: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at++) {
    if ((at & 7) === 0 && at + 8 <= end) {
      bits[at >> 3] = 0xff;
      at += 7;
    } else bits[at >> 3] = (bits[at >> 3] as number) | (1 << (at & 7));
  }
}
