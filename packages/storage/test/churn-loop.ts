import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import { arrowSchema } from "../src/parquet/arrow-type.ts";
import { batchOf, dataOf } from "../src/parquet/batch.ts";

// Appends a row at a time, deletes every third and compacts now and then, so that there is much to vacuum:
// `churn-loop.ts <root> <rows>`.
const [root = "", rows = "0"] = process.argv.slice(2);
const schema = arrowSchema([["n", "long"]]);
const table = await openLake({ objects: fileSystem({ root }), codec: hyparquet() }).table("t");
for (let n = 1; n <= Number(rows); n++) {
  await table.append(batchOf(schema, [dataOf("long", [BigInt(n)])], 1));
  if (n % 3 === 0) await table.delete({ where: { n: BigInt(n) } });
  if (n % 20 === 0) await table.optimize();
  process.send?.(n);
}
process.disconnect?.();
