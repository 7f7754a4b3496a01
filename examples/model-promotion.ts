// Register two versions, let a gate and an approval decide what becomes champion, load it verified, and roll back.
import { isAshlarError } from "@ashlar/core";
import { beats, createModelRegistry, objectStoreArtifacts, sqlite } from "@ashlar/model-registry";
import { fileSystem } from "@ashlar/storage/file-system";

await using registry = createModelRegistry({
  database: sqlite({ path: "./registry.db" }),
  artifacts: objectStoreArtifacts(fileSystem({ root: "./artifacts" })),
  protectedAliases: { champion: { approvals: 1, gates: [beats("champion", "auc", { by: 0.002 })] } },
});

const register = (weights: string, auc: number) =>
  registry.register("delay", {
    files: { "model.bin": new TextEncoder().encode(weights) },
    metrics: { auc },
    inputs: { trainingSet: "sha256:4f1d" },
    author: "ada",
  });
const promote = async (to: number, expected: number | undefined): Promise<void> => {
  const approval = await registry.approve("delay", to, { by: "grace", comment: "evaluated on June" });
  await registry.promote("delay", { alias: "champion", to, expected, approvals: [approval], by: "bob" });
};

const first = await register("baseline", 0.744);
const second = await register("trees", 0.757);
const worse = await register("mistake", 0.75);
await promote(first.number, undefined);
await promote(second.number, first.number);
await promote(worse.number, second.number).catch((error: unknown) => {
  if (!isAshlarError(error, "GATE_FAILED")) throw error;
  console.log("refused:", error.message);
});

const champion = await registry.load("delay@champion");
console.log("champion:", champion.version.number, new TextDecoder().decode(await champion.file("model.bin").bytes()));
await registry.rollback("delay", { alias: "champion", by: "bob", reason: "drift" });
console.log("after the rollback:", (await registry.get("delay@champion")).number);
