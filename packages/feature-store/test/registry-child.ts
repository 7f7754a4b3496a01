import { createFeatureRegistry, sqlite } from "../src/registry/index.ts";
import { generation } from "./generations.ts";

// Applies one generation of definitions after another and says which it reached, until it is killed.
const registry = createFeatureRegistry({ database: sqlite({ path: process.argv[2] as string }) });
for (let i = 0; i < 500; i++) {
  const reached = await registry.revision();
  await registry.apply(await registry.plan({ views: generation(reached + 1) }), { by: "child" });
  process.stdout.write(`${reached + 1}\n`);
}
