import { isAshlarError } from "@ashlar/core";
import { duckdb } from "@ashlar/storage/duckdb";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { parquetjsLite } from "@ashlar/storage/parquetjs-lite";
import type { PlainColumns } from "../src/parquet/batch-from.ts";
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
const footer = new DataView(whole.buffer, whole.byteOffset + whole.byteLength - 8, 4).getUint32(0, true);

/** Park and Miller's generator: the same damage in every run. */
function generator(seed: number): (below: number) => number {
  let state = (seed * 7_919 + 1) % 2_147_483_647;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

function damaged(seed: number): Uint8Array {
  const next = generator(seed);
  const bytes = whole.slice();
  const size = bytes.byteLength;
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
    case 6: {
      // Where a varint may stand, one that is as great as it can be.
      bytes.fill(0xff, inFooter(), size - 8);
      return bytes;
    }
    default: {
      const [at, length] = [anywhere(), 1 + next(40)];
      bytes.copyWithin(at, anywhere(), Math.min(size, at + length));
      return bytes;
    }
  }
}

for (let seed = Number(from); seed < Number(to); seed++) {
  let outcome: string;
  try {
    const found = await readColumns(codec, damaged(seed));
    const lengths = new Set(Object.values(found).map((values) => values.length));
    outcome = lengths.size <= 1 ? "read" : `columns of ${[...lengths].join(" and ")} rows`;
  } catch (error) {
    outcome = isAshlarError(error) ? error.code : `unnamed: ${String(error)}`;
  }
  process.stdout.write(`${JSON.stringify([seed, outcome])}\n`);
}
