import { seededRandom } from "../src/train/random.ts";
import type { PlainTable } from "../src/train/table.ts";

/** Rows of five features (one binary, one often missing, one large) and a label that depends on them. */
export function sampleRows(rows: number, seed = 1): PlainTable {
  const random = seededRandom(seed);
  const a = Float32Array.from({ length: rows }, () => random() * 4 - 2);
  const b = Float32Array.from({ length: rows }, () => Math.floor(random() * 2));
  const c = Float32Array.from({ length: rows }, () => (random() < 0.3 ? Number.NaN : random()));
  const year = Float32Array.from({ length: rows }, () => 2001 + Math.floor(random() * 12) / 12);
  const noise = Float32Array.from({ length: rows }, () => random());
  const late = Uint8Array.from({ length: rows }, (_, i) => {
    const score = Math.sin(2 * a[i]!) + b[i]! + (Number.isNaN(c[i]!) ? 1 : -c[i]!) + (year[i]! - 2001.5);
    return random() < 1 / (1 + Math.exp(-score)) ? 1 : 0;
  });
  return { columns: { a, b, c, year, noise, late } };
}
