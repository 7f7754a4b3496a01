import { createArtifactStore } from "@ashlar/storage/artifact";
import { openBlobTable } from "@ashlar/storage/blobs";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import { interrupted } from "./failing-store.ts";

// Puts two blobs and is killed at the n-th change of the store: `kill-blobs.ts <root> <n> <when>`. Says "done" where the put
// was over before.
const [root = "", at = "1", when = "before"] = process.argv.slice(2);
const objects = interrupted(fileSystem({ root }), {
  at: Number(at),
  when: when === "after" ? "after" : "before",
  interrupt: () => process.kill(process.pid, "SIGKILL"),
});
const blobs = await openBlobTable({
  lake: openLake({ objects, codec: hyparquet() }),
  name: "files",
  artifacts: createArtifactStore({ objects }),
});
const long = new Uint8Array(9 * 1024 * 1024).fill(7);
await blobs.put([
  { path: "a", body: new Blob(["new"]).stream() },
  { path: "long", body: new Blob([long]).stream() },
]);
process.stdout.write("done");
