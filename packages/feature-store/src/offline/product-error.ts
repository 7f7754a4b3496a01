/** `a * b - product`, exactly, unless it underflows or the splitting overflows. Source: Dekker (1971). */
export function productError(a: number, b: number, product: number): number {
  const c = 134217729 * a;
  const d = 134217729 * b;
  if (c - c !== 0 || d - d !== 0) return 0;
  const aHigh = c - (c - a);
  const bHigh = d - (d - b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}
