import { isAshlarError } from "@ashlar/core";
import { duckdb } from "@ashlar/storage/duckdb";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { parquetjsLite } from "@ashlar/storage/parquetjs-lite";
import type { PlainColumns } from "../src/parquet/batch-from.ts";
import { damaged } from "./damage.ts";
import { readColumns, writeColumns } from "../src/testing/parquet-codec.ts";

// Reads files of one codec that were damaged, and says of each what came of it: `hostile-parquet.ts <codec> <from> <to>`.
// In a process of its own, so that one that crashes or grows is seen.
const [name = "", from = "0", to = "0"] = process.argv.slice(2);
const flat = name === "parquetjs-lite";
await using codec = name === "duckdb" ? duckdb() : flat ? parquetjsLite() : hyparquet();

const rows = 300;
const numbers = Array.from({ length: rows }, (_, i) => i);
const plain: PlainColumns = {
  id: ["long", numbers.map((i) => (i % 11 === 0 ? null : BigInt(i) * 7_919n))],
  text: ["string", numbers.map((i) => (i % 7 === 0 ? null : `row ${i % 40} ü`))],
  ratio: ["double", numbers.map((i) => i / 3)],
  open: ["boolean", numbers.map((i) => i % 3 === 0)],
};
const nested: PlainColumns = {
  ...plain,
  price: ["decimal(20,2)", numbers.map((i) => BigInt(i) ** 4n)],
  tags: [
    { type: "array", elementType: "string", containsNull: true },
    numbers.map((i) => (i % 5 === 0 ? null : Array.from({ length: i % 4 }, (_, k) => (k === 2 ? null : `t${k}`)))),
  ],
};
const whole = await writeColumns(codec, flat ? plain : nested);

for (let seed = Number(from); seed < Number(to); seed++) {
  let outcome: string;
  try {
    const found = await readColumns(codec, damaged(whole, seed));
    const lengths = new Set(Object.values(found).map((values) => values.length));
    outcome = lengths.size <= 1 ? "read" : `columns of ${[...lengths].join(" and ")} rows`;
  } catch (error) {
    outcome = isAshlarError(error) ? error.code : `unnamed: ${String(error)}`;
  }
  process.stdout.write(`${JSON.stringify([seed, outcome])}\n`);
}
