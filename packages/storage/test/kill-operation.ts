import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { batchFrom, openLake } from "@ashlar/storage/lake";
import { interrupted } from "./failing-store.ts";

// Does one operation and is killed at the n-th change of the store: `kill-operation.ts <root> <operation> <n> <when>`.
// Says "done" where the operation was over before.
const [root = "", operation = "", at = "1", when = "before"] = process.argv.slice(2);
const objects = interrupted(fileSystem({ root }), {
  at: Number(at),
  when: when === "after" ? "after" : "before",
  interrupt: () => process.kill(process.pid, "SIGKILL"),
});
const table = await openLake({ objects, codec: hyparquet() }).table("t");
const rows = (n: readonly bigint[]): ReturnType<typeof batchFrom> =>
  batchFrom({ n: ["long", n], part: ["string", n.map((one) => (one % 2n === 0n ? "even" : "odd"))] });

const operations: Readonly<Record<string, () => Promise<unknown>>> = {
  update: () => table.update({ where: { n: { gte: 3 } }, set: { n: 100n } }),
  merge: () => table.merge(rows([1n, 50n, 51n]), { on: ["n"], whenMatched: "delete" }),
  optimize: () => table.optimize(),
  checkpoint: () => table.checkpoint(),
  vacuum: () => table.vacuum({ retention: 0, force: true }),
  restore: () => table.restore({ version: 0 }),
  overwrite: () => table.overwrite(rows([7n]), { where: { part: "odd" } }),
};
await operations[operation]?.();
process.stdout.write("done");
