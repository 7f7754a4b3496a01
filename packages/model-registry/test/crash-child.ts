// One process of the crash and race tests: registers, promotes, and kills itself where it is told to.
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createModelRegistry, sqlite } from "../src/index.ts";
import { folderArtifacts } from "./folder-artifacts.ts";

const [folder = "", task = "", point = "", detail = ""] = process.argv.slice(2);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

await using registry = createModelRegistry({
  database: sqlite({ path: `${folder}/registry.db` }),
  artifacts: folderArtifacts(`${folder}/blobs`),
  signing: { key: createPrivateKey(readFileSync(`${folder}/key.pem`)) },
  failpoint: (reached, at) => {
    if (reached === point && (at ?? "") === detail) process.kill(process.pid, "SIGKILL");
  },
});

if (task === "many") {
  const writers = Array.from({ length: 32 }, (_, i) =>
    registry.register("delay", { files: { "w.bin": bytes(`${process.pid} ${i}`) }, author: "ada" }),
  );
  console.log(JSON.stringify((await Promise.all(writers)).map(({ number }) => number)));
} else {
  const version = await registry.register("delay", {
    files: { "a.bin": bytes("a"), "b.bin": bytes("b") },
    metrics: { auc: 0.7 },
    inputs: { trainingSet: "sha256:abc" },
    author: "ada",
    idempotencyKey: "the version",
  });
  const move = await registry.promote("delay", {
    alias: "champion",
    to: version.number,
    expected: undefined,
    by: "bob",
    idempotencyKey: "the promotion",
  });
  console.log(JSON.stringify({ created: version.created, number: version.number, revision: move.revision }));
}
