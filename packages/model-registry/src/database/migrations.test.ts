import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryObjectStore } from "@ashlar/core/memory";
import { openSqlite } from "@ashlar/core/sqlite";
import { describe, expect, it } from "vitest";
import { createModelRegistry, objectStoreArtifacts, sqlite } from "../index.ts";
import { migrations } from "./migrations.ts";

describe("the schema", () => {
  it("keeps the versions of a registry from before signatures: they are unsigned", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ashlar-registry-"));
    try {
      const path = join(folder, "registry.db");
      const before = await openSqlite({ path, component: "model-registry", migrations: migrations.slice(0, 1) });
      await before.run("INSERT INTO registry_model (name, next_number, created_at) VALUES ('delay', 2, 0)", []);
      await before.run(
        `INSERT INTO registry_version (model, number, digest, inputs, inputs_digest, description, author, created_at,
           request_digest) VALUES ('delay', 1, 'sha256:a', '{}', 'sha256:b', '', 'ada', 0, 'sha256:c')`,
        [],
      );
      await before[Symbol.asyncDispose]();
      const artifacts = objectStoreArtifacts(memoryObjectStore());
      await using registry = createModelRegistry({ database: sqlite({ path }), artifacts });
      expect(await registry.get("delay/1")).toMatchObject({ author: "ada", digest: "sha256:a" });
      await expect(registry.signature("delay", 1)).rejects.toMatchObject({ code: "SIGNATURE_MISSING" });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
