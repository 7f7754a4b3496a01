import { createHash } from "node:crypto";
import { columnsOf } from "../../packages/storage/src/parquet/column.ts";
import type { ParquetCodec } from "../../packages/storage/src/parquet/port.ts";
import { sourceOfFile } from "../../packages/storage/src/parquet/source.ts";

/** A digest of the values of each column, and the sum of those that are numbers. */
export async function digest(codec: ParquetCodec, path: string): Promise<Record<string, string>> {
  await using reader = await codec.open(await sourceOfFile(path));
  const hashes = new Map<string, ReturnType<typeof createHash>>();
  const sums: Record<string, bigint> = {};
  let rows = 0;
  for await (const batch of reader.scan()) {
    rows += batch.numRows;
    for (const column of columnsOf(batch)) {
      const hash = hashes.get(column.name) ?? createHash("sha256");
      hashes.set(column.name, hash);
      const texts = Array.from({ length: column.length }, (_, row) => String(column.get(row)));
      hash.update(`${texts.join("\n")}\n`);
      if (column.numbers === undefined) continue;
      let sum = 0n;
      for (let row = 0; row < column.length; row++) sum += BigInt((column.get(row) ?? 0) as bigint | number);
      sums[column.name] = (sums[column.name] ?? 0n) + sum;
    }
  }
  const digests = [...hashes].map(([name, hash]) => [name, `${hash.digest("hex")} ${sums[name] ?? ""}`]);
  return { ...Object.fromEntries(digests), rows: String(rows) } as Record<string, string>;
}
