import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import { batchOf, dataOf } from "../src/parquet/batch.ts";
import { arrowSchema } from "../src/parquet/arrow-type.ts";

// Appends one row at a time: `append-loop.ts <root> <writer> <commits>`. Each row is a transaction of its writer.
const [root = "", writer = "", commits = "0"] = process.argv.slice(2);
const schema = arrowSchema([
  ["writer", "string"],
  ["n", "long"],
]);
const table = await openLake({ objects: fileSystem({ root }), codec: hyparquet() }).table("t");
for (let n = 1; n <= Number(commits); n++) {
  const batch = batchOf(schema, [dataOf("string", [writer]), dataOf("long", [BigInt(n)])], 1);
  await table.append(batch, { transaction: { appId: writer, version: n } });
  process.send?.(n);
}
