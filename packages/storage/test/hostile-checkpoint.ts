import { isAshlarError, type ObjectStore } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { batchFrom, openLake } from "@ashlar/storage/lake";
import { damaged } from "./damage.ts";
import { rowsOf } from "./rows.ts";

// Opens a table whose checkpoint was damaged, with the entries before it and without them, and says what came of it:
// `hostile-checkpoint.ts <from> <to>`. In a process of its own, so that one that crashes or grows is seen.
const [from = "0", to = "0"] = process.argv.slice(2);

const original = memoryObjectStore();
const made = await openLake({ objects: original, codec: hyparquet() }).table("t", { partitionBy: ["p"] });
for (let n = 0; n < 9; n++) {
  const rows = batchFrom({ n: ["long", [BigInt(n)]], s: ["string", [`row ${n}`]], p: ["string", [`part ${n % 2}`]] });
  await made.append(rows, { transaction: { appId: "job", version: n } });
}
await made.delete({ where: { n: 3 } });
await made.checkpoint();
const text = (rows: readonly object[]): string =>
  rows
    .map((row) => Object.values(row).join())
    .sort()
    .join("\n");
const wanted = text(await rowsOf(made.scan()));
const contents = new Map<string, Uint8Array>();
for await (const { key } of original.list("")) contents.set(key, await (await original.get(key)).bytes());
const checkpoint = [...contents.keys()].find((key) => key.endsWith(".checkpoint.parquet")) ?? "";

async function outcomeOf(seed: number, withLog: boolean): Promise<string> {
  const objects: ObjectStore = memoryObjectStore();
  for (const [key, bytes] of contents) {
    if (withLog || !/_delta_log\/\d+\.json$/.test(key)) await objects.put(key, bytes);
  }
  await objects.put(checkpoint, damaged(contents.get(checkpoint) as Uint8Array, seed));
  try {
    const table = await openLake({ objects, codec: hyparquet() }).table("t");
    return text(await rowsOf(table.scan())) === wanted ? "same" : "other rows";
  } catch (error) {
    return isAshlarError(error) ? error.code : `unnamed: ${String(error)}`;
  }
}

for (let seed = Number(from); seed < Number(to); seed++) {
  const outcomes = [seed, await outcomeOf(seed, true), await outcomeOf(seed, false)];
  process.stdout.write(`${JSON.stringify(outcomes)}\n`);
}
