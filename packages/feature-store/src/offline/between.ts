/** The number that lies so large a share of the way from one to the other. Of finite ones it is finite, however far apart. */
export function between(low: number, high: number, share: number): number {
  if (low === high) return low;
  const width = high - low;
  const isTooWide = width === Infinity && Number.isFinite(low) && Number.isFinite(high);
  return isTooWide ? low * (1 - share) + high * share : low + width * share;
}
