import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";

// Vacuums a table over and over until it is told to stop: `vacuum-loop.ts <root> <retention in ms>`. Says what it deleted.
const [root = "", retention = ""] = process.argv.slice(2);
const table = await openLake({ objects: fileSystem({ root }), codec: hyparquet() }).table("t");
const stop = new AbortController();
process.on("message", () => stop.abort());
process.send?.(0);
for (let round = 0; !stop.signal.aborted && round < 10_000; round++) {
  const { files } = await table.vacuum({ retention: Number(retention), force: true });
  process.send?.(files);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
process.disconnect?.();
