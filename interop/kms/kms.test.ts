import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import type * as Sdk from "@aws-sdk/client-kms";
import { toBytes } from "@ashlar/core";
import { describeKeyProvider } from "@ashlar/core/testing";
import { awsKms } from "@ashlar/security/aws-kms";
import { createEnvelope } from "@ashlar/security/encrypt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Against the KMS of moto (PyPI `moto[server]`). What moto does not do, and so is not shown here: it does not check
// signatures or key policies, does not throttle, sends errors
// without their messages, and has no key material of its own kind (it wraps with AES-GCM).
const root = new URL("../../", import.meta.url);
const python = process.env["ASHLAR_PYTHON"] ?? new URL(".venv/bin/python", root).pathname;
const isThere = existsSync(python);

describe.skipIf(!isThere && process.env["CI"] === undefined)(
  `KMS of moto (python: ${isThere ? "found" : "missing"})`,
  () => {
    let server: ReturnType<typeof spawn> | undefined;
    let sdk: typeof Sdk;
    let client: Sdk.KMSClient;

    beforeAll(async () => {
      sdk = await import("@aws-sdk/client-kms");
      const port = await freePort();
      server = spawn(python, ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
      const failed = new Promise<never>((_, reject) => {
        server?.once("error", reject);
        server?.once("exit", (code) => reject(new Error(`moto ended with ${code}`)));
      });
      const endpoint = `http://127.0.0.1:${port}`;
      await Promise.race([answering(endpoint), failed]);
      const credentials = { accessKeyId: "test", secretAccessKey: "test" };
      client = new sdk.KMSClient({ endpoint, region: "eu-central-1", credentials, maxAttempts: 1 });
    }, 60_000);

    afterAll(() => {
      client?.destroy();
      server?.removeAllListeners("exit");
      server?.kill();
    });

    const newKey = async (): Promise<string> =>
      (await client.send(new sdk.CreateKeyCommand({}))).KeyMetadata?.Arn ?? "";

    describeKeyProvider("AWS KMS", { create: async () => awsKms({ client, commands: sdk, keyId: await newKey() }) });

    it("carries an envelope, through an alias, and refuses it under another context", async () => {
      const AliasName = "alias/models";
      await client.send(new sdk.CreateAliasCommand({ AliasName, TargetKeyId: await newKey() }));
      const envelope = createEnvelope({
        keys: awsKms({ client, commands: sdk, keyId: AliasName }),
        cache: { maxAgeMs: 60_000 },
      });
      const plaintext = new Uint8Array(200_000).fill(7);
      const sealed = await toBytes(envelope.encrypt(plaintext, { context: { tenant: "blue" } }));
      const other = createEnvelope({ keys: awsKms({ client, commands: sdk, keyId: AliasName }) });
      expect(await toBytes(other.decrypt(sealed, { context: { tenant: "blue" } }))).toEqual(plaintext);
      await expect(toBytes(other.decrypt(sealed, { context: { tenant: "red" } }))).rejects.toMatchObject({
        code: "DECRYPTION_FAILED",
      });
    });

    it("refuses what another key wrapped", async () => {
      const theirs = await awsKms({ client, commands: sdk, keyId: await newKey() }).generateDataKey({});
      const mine = awsKms({ client, commands: sdk, keyId: await newKey() });
      await expect(mine.unwrapDataKey(theirs.wrapped, theirs.keyId, {})).rejects.toMatchObject({
        code: "DECRYPTION_FAILED",
      });
    });

    it("tells a key that does not exist from a service that does not answer", async () => {
      const gone = awsKms({ client, commands: sdk, keyId: "alias/none" });
      await expect(gone.generateDataKey({})).rejects.toMatchObject({ code: "KMS_REFUSED" });
      const credentials = { accessKeyId: "test", secretAccessKey: "test" };
      const endpoint = `http://127.0.0.1:${await freePort()}`;
      const nobody = new sdk.KMSClient({ endpoint, region: "eu-central-1", credentials, maxAttempts: 1 });
      const keys = awsKms({ client: nobody, commands: sdk, keyId: "alias/models" });
      await expect(keys.generateDataKey({})).rejects.toMatchObject({ code: "KMS_UNAVAILABLE", retryable: true });
      nobody.destroy();
    });
  },
);

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => void probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function answering(endpoint: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const answer = await fetch(`${endpoint}/moto-api/data.json`).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  throw new Error("moto did not answer");
}
