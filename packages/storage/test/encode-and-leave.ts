import { setTimeout } from "node:timers/promises";
import { batchFrom } from "../src/parquet/batch-from.ts";
import { ByteSink } from "../src/parquet/byte-sink.ts";
import { EncodeThreads } from "../src/parquet/encode-threads.ts";
import { FlatWriter } from "../src/parquet/flat-write.ts";

/** Writes a file with a thread, and leaves without a word to it. */
const threads = new EncodeThreads({ count: 1, codec: "test", startAfter: 1 });
threads.encodedWithout(1);
for (let tries = 0; tries < 1000 && threads.ready === 0; tries++) await setTimeout(10);
const batch = batchFrom({ n: ["long", Array.from({ length: 40_000 }, (_, n) => BigInt(n))] });
const writer = new FlatWriter({
  schema: batch.schema,
  compression: "zstd",
  sink: new ByteSink(),
  codec: "test",
  threads,
});
await writer.write(batch);
const { rows } = await writer.finish();
process.stdout.write(`ready ${threads.ready}, rows ${rows}\n`);
