import { fileSystem } from "@ashlar/storage/file-system";
import { killAtCall } from "./kill-at-call.ts";

// Does one thing to one object, and dies at one of its calls: `kill-put.ts <root> <what> <call>`.
const [root = "", what = "", call = "0"] = process.argv.slice(2);
const { arm } = await killAtCall(Number(call));
const store = fileSystem({ root });
const body = new Blob([new Uint8Array(100_000).fill(2), new Uint8Array(100_000).fill(2)]).stream();
const old = await store.head("a/b/k");
arm();
if (what === "delete") await store.delete("a/b/k");
else if (what === "together") {
  const whole = new Uint8Array(200_000).fill(2);
  await store.putAbsent(["c/d/other", "a/b/new", "c/e"].map((key) => ({ key, body: whole })));
} else if (what === "ifAbsent") await store.put("a/b/new", body, { ifAbsent: true });
else if (what === "replaceLarge") await store.put("a/b/k", largeBody());
else await store.put("a/b/k", body, what === "ifMatch" ? { ifMatch: old?.etag ?? "" } : {});
process.send?.("acknowledged");

/** In chunks of half of what may wait for the disk before it goes there. */
function largeBody(): ReadableStream<Uint8Array> {
  let left = 3;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void =>
    left-- > 0 ? controller.enqueue(new Uint8Array(8 * 1024 * 1024).fill(2)) : controller.close();
  return new ReadableStream({ pull }, { highWaterMark: 0 });
}
