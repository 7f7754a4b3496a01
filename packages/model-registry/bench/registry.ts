// Prints how fast a registry in a SQLite file is, and whether it stays so as versions add up. Takes about ten seconds.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryObjectStore } from "@ashlar/core/memory";
import { beats, createModelRegistry, objectStoreArtifacts, sqlite } from "../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "ashlar-registry-bench-"));
const artifacts = objectStoreArtifacts(memoryObjectStore());
const registry = createModelRegistry({ database: sqlite({ path: join(folder, "registry.db") }), artifacts });
const files = { "w.bin": new TextEncoder().encode("weights") };

async function perSecond(count: number, work: (i: number) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < count; i++) await work(i);
  return Math.round((count * 1000) / (performance.now() - start));
}

const add = (i: number): Promise<unknown> => registry.register("delay", { files, metrics: { auc: i }, author: "ada" });
await registry.open();
console.log("register, versions 1 to 500:      ", await perSecond(500, add), "per second");
await perSecond(4000, add);
console.log("register, versions 4501 to 5000:  ", await perSecond(500, (i) => add(i + 10_000)), "per second");
const gates = [beats("champion", "auc")];
let expected: number | undefined;
const move = async (i: number): Promise<void> => {
  await registry.promote("delay", { alias: "champion", to: i + 1, expected, gates, by: "bob" });
  expected = i + 1;
};
console.log("promote through one gate:         ", await perSecond(500, move), "per second");
console.log(
  "get by alias:                     ",
  await perSecond(2000, () => registry.get("delay@champion")),
  "per second",
);
await registry[Symbol.asyncDispose]();
rmSync(folder, { recursive: true });
