import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeKeyProvider } from "@ashlar/core/testing";
import { afterAll, beforeAll } from "vitest";
import { localKeyRing } from "./local.ts";

let folder: string;
let count = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "ashlar-keys-"))));
afterAll(() => rm(folder, { recursive: true }));

describeKeyProvider("local key ring", {
  create: () => localKeyRing({ path: join(folder, `ring-${count++}.json`), create: true }),
});
