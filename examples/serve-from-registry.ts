// Serve what an alias of the model registry names, held to its digest, and follow the alias when it moves.
import { createInferenceServer, openModelRepository, registeredModels } from "@ashlar/compute/inference";
import { trainLogisticRegression } from "@ashlar/compute/training";
import { createModelRegistry, objectStoreArtifacts, sqlite } from "@ashlar/model-registry";
import { fileSystem } from "@ashlar/storage/file-system";

const hours = Array.from({ length: 500 }, (_, i) => (i * 7) % 24);
const train = async (threshold: number): Promise<Uint8Array> => {
  const late = hours.map((hour) => hour > threshold);
  return (await trainLogisticRegression({ data: { columns: { hour: hours, late } }, label: "late" })).toOnnx();
};

await using registry = createModelRegistry({
  database: sqlite({ path: "./registry.db" }),
  artifacts: objectStoreArtifacts(fileSystem({ root: "./artifacts" })),
});
const register = async (threshold: number): Promise<number> => {
  const files = { "model.onnx": await train(threshold) };
  return (await registry.register("delay", { files, author: "ada" })).number;
};
const first = await register(15);
const second = await register(10);
await registry.promote("delay", { alias: "champion", to: first, expected: undefined, by: "ada" });

await using server = createInferenceServer();
const repository = openModelRepository(server, registeredModels(registry, { delay: "delay@champion" }));
const show = async (): Promise<void> => {
  const failures = await repository.refresh();
  const { probability } = await server.infer("delay", { features: { data: Float32Array.of(14), shape: [1, 1] } });
  const versions = server.models().map(({ version }) => version);
  console.log(
    `version ${versions.join(", ")}: P(late) at 14 o'clock is ${probability?.data[0]}, failed: ${failures.length}`,
  );
};
await show();
await registry.promote("delay", { alias: "champion", to: second, expected: first, by: "ada" });
await show();
