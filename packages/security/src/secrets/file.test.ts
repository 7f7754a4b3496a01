import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryKeyProvider } from "@ashlar/core/memory";
import { describeSecretSource } from "@ashlar/core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEnvelope } from "../encrypt/envelope.ts";
import { fileSecrets } from "./file.ts";

let folder: string;
let count = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "ashlar-secrets-"))));
afterAll(() => rm(folder, { recursive: true }));
const cipher = createEnvelope({ keys: memoryKeyProvider() });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const newPath = (): string => join(folder, `secrets-${count++}`);

describeSecretSource("file secrets", {
  create: async () => {
    const secrets = fileSecrets({ path: newPath(), cipher });
    await secrets.put("database", bytes("first"));
    return secrets;
  },
});

describe("file secrets", () => {
  it("keeps older versions, and no secret in the clear", async () => {
    const path = newPath();
    const secrets = fileSecrets({ path, cipher });
    const first = await secrets.put("api", bytes("canary-one"));
    await Promise.all([secrets.put("api", bytes("canary-two")), secrets.put("other", bytes("canary-three"))]);
    const again = fileSecrets({ path, cipher });
    expect(new TextDecoder().decode((await again.get("api")).value)).toBe("canary-two");
    expect(new TextDecoder().decode((await again.get("api", { version: first })).value)).toBe("canary-one");
    expect((await readFile(path)).includes("canary")).toBe(false);
  });

  it("does not overwrite a file that it cannot read", async () => {
    const path = newPath();
    await writeFile(path, "not an envelope");
    const secrets = fileSecrets({ path, cipher });
    await expect(secrets.put("api", bytes("x"))).rejects.toMatchObject({ code: "SECRETS_UNUSABLE" });
    await expect(secrets.get("api")).rejects.toMatchObject({ code: "SECRETS_UNUSABLE" });
    expect(await readFile(path, "utf8")).toBe("not an envelope");
  });
});
