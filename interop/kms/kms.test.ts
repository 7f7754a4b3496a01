import type * as Sdk from "@aws-sdk/client-kms";
import { toBytes } from "@ashlar/core";
import { describeKeyProvider } from "@ashlar/core/testing";
import { awsKms } from "@ashlar/security/aws-kms";
import { createEnvelope } from "@ashlar/security/encrypt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isThere, type Moto, startMoto } from "../moto.ts";
import { freePort } from "../server.ts";

// Against the KMS of moto (PyPI `moto[server]`). What moto does not do, and so is not shown here: it does not check
// signatures or key policies, does not throttle, sends errors
// without their messages, and has no key material of its own kind (it wraps with AES-GCM).

describe.skipIf(!isThere && process.env["CI"] === undefined)(
  `KMS of moto (python: ${isThere ? "found" : "missing"})`,
  () => {
    let moto: Moto | undefined;
    let sdk: typeof Sdk;
    let client: Sdk.KMSClient;

    beforeAll(async () => {
      sdk = await import("@aws-sdk/client-kms");
      moto = await startMoto();
      const { endpoint } = moto;
      const credentials = { accessKeyId: "test", secretAccessKey: "test" };
      client = new sdk.KMSClient({ endpoint, region: "eu-central-1", credentials, maxAttempts: 1 });
    }, 60_000);

    afterAll(async () => {
      client?.destroy();
      await moto?.[Symbol.asyncDispose]();
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
