import * as sdk from "@aws-sdk/client-s3";
import { memoryKeyProvider, memoryObjectStore } from "@ashlar/core/memory";
import { describeObjectStore } from "@ashlar/core/testing";
import { createEnvelope } from "@ashlar/security/encrypt";
import { encrypted } from "@ashlar/storage";
import { cached } from "@ashlar/storage/cached";
import { retrying } from "@ashlar/storage/retrying";
import { s3 } from "@ashlar/storage/s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CuttingProxy, startCuttingProxy } from "./cutting-proxy.ts";
import { describeDroppedConnections } from "../dropped-connections.ts";
import { describePacks } from "../packs.ts";
import { isThere, type Moto, startMoto } from "../moto.ts";
import { freePort } from "../server.ts";

// Against the S3 of moto (PyPI `moto[server]`). What moto does not do, and so is not shown here: it checks no signatures
// and no permissions, ignores If-Match on CompleteMultipartUpload, never answers 409 ConditionalRequestConflict, and
// decides conditions in one process without a lock of its own (in practice one of fifty writers wins).
const mebibyte = 1024 * 1024;

function clientOf(endpoint: string, maxAttempts: number): sdk.S3Client {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return new sdk.S3Client({ endpoint, maxAttempts, credentials, region: "us-east-1", forcePathStyle: true });
}

describe.skipIf(!isThere && process.env["CI"] === undefined)(`S3 of moto (python: ${isThere})`, () => {
  let moto: Moto;
  let client: sdk.S3Client;
  let buckets = 0;

  beforeAll(async () => {
    moto = await startMoto();
    client = clientOf(moto.endpoint, 3);
  }, 60_000);

  afterAll(async () => {
    client?.destroy();
    await moto?.[Symbol.asyncDispose]();
  });

  const newBucket = async (): Promise<string> => {
    const Bucket = `bucket-${++buckets}`;
    await client.send(new sdk.CreateBucketCommand({ Bucket }));
    return Bucket;
  };

  const create = async () =>
    s3({ client, commands: sdk, bucket: await newBucket(), partSize: 5 * mebibyte, pageSize: 400 });
  describeObjectStore("s3", { create, capabilities: { conditionalPut: true, rangeRead: true } });

  it("leaves no upload behind that was broken off or refused", async () => {
    const bucket = await newBucket();
    const store = s3({ client, commands: sdk, bucket, partSize: 5 * mebibyte, prefix: "team/blue" });
    let left = 16;
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      if (left-- > 0) controller.enqueue(new Uint8Array(mebibyte));
      else controller.error(new Error("the sender went away"));
    };
    const body = new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 });
    await expect(store.put("k", body)).rejects.toThrow("the sender went away");
    await store.put("k", new Uint8Array(6 * mebibyte));
    const refused = store.put("k", new Uint8Array(6 * mebibyte), { ifAbsent: true });
    await expect(refused).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
    const { Uploads = [] } = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
    const { Contents = [] } = await client.send(new sdk.ListObjectsV2Command({ Bucket: bucket }));
    expect(Contents.map(({ Key }) => Key)).toEqual(["team/blue/k"]);
  });

  it("names a bucket that is not there, and a server that does not answer", async () => {
    const gone = s3({ client, commands: sdk, bucket: "no-such-bucket" });
    await expect(gone.get("k")).rejects.toMatchObject({ code: "STORE_REFUSED" });
    await expect(gone.put("k", new Uint8Array(1))).rejects.toMatchObject({ code: "STORE_REFUSED" });
    const nobody = clientOf(`http://127.0.0.1:${await freePort()}`, 1);
    const store = s3({ client: nobody, commands: sdk, bucket: "b" });
    await expect(store.get("k")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    nobody.destroy();
  });

  describe("behind a network that cuts connections", () => {
    let proxy: CuttingProxy;
    let through: sdk.S3Client;
    beforeAll(async () => {
      proxy = await startCuttingProxy(moto.endpoint);
      through = clientOf(proxy.endpoint, 2);
    });
    afterAll(async () => {
      through?.destroy();
      await proxy?.[Symbol.asyncDispose]();
    });

    describeDroppedConnections(async () => {
      const bucket = await newBucket();
      const options = { commands: sdk, bucket, partSize: 5 * mebibyte, pageSize: 2, concurrency: 1 };
      const once = clientOf(proxy.endpoint, 1);
      const large = Uint8Array.from({ length: 10.5 * mebibyte }, (_, n) => (n * 13 + (n >> 10)) & 0xff);
      return { through: s3({ ...options, client: once }), direct: s3({ ...options, client }), proxy, large };
    });

    describe("packs of small blobs", () => {
      describePacks(async () => {
        const bucket = await newBucket();
        const through = s3({ client: clientOf(proxy.endpoint, 1), commands: sdk, bucket });
        const place = { endpoint: moto.endpoint, bucket };
        return { through, direct: s3({ client, commands: sdk, bucket }), proxy, place };
      });
    });

    const content = Uint8Array.from({ length: 3 * mebibyte }, (_, n) => (n * 31 + (n >> 9)) & 0xff);

    it("goes on with a body where it was cut, three times, and fails without retrying()", async () => {
      const store = s3({ client: through, commands: sdk, bucket: await newBucket() });
      await store.put("k", content);
      proxy.cutAfter(500_000);
      await expect((await store.get("k")).bytes()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      const before = proxy.cuts;
      proxy.cutAfter(500_000, 1_000_000, 700_000);
      const object = await retrying(store, { baseDelayMs: 1 }).get("k");
      expect(Buffer.compare(await object.bytes(), content)).toBe(0);
      expect(proxy.cuts - before).toBe(3);
      proxy.cutAfter(100_000);
      const range = { start: 1_000_000, end: 2_000_000 };
      const part = await (await retrying(store, { baseDelayMs: 1 }).get("k", { range })).bytes();
      expect(Buffer.compare(part, content.subarray(range.start, range.end))).toBe(0);
    });

    it("knows a put whose answer was cut off, whether the SDK or retrying() makes it again", async () => {
      const bucket = await newBucket();
      const store = s3({ client: through, commands: sdk, bucket });
      proxy.swallowNextAnswer();
      const info = await store.put("k", content, { ifAbsent: true });
      expect((await store.head("k"))?.etag).toBe(info.etag);
      const once = clientOf(proxy.endpoint, 1);
      const impatient = s3({ client: once, commands: sdk, bucket });
      proxy.swallowNextAnswer();
      const lost = impatient.put("k2", content, { ifAbsent: true });
      await expect(lost).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      proxy.swallowNextAnswer();
      const again = await retrying(impatient, { baseDelayMs: 1 }).put("k3", content, { ifAbsent: true });
      expect(again).toMatchObject({ size: content.byteLength });
      once.destroy();
    });
  });

  it("carries ranges of what an envelope encrypted, through retrying() and a cache", async () => {
    const envelope = createEnvelope({ keys: memoryKeyProvider(), cache: { maxAgeMs: 60_000 } });
    const objects = retrying(s3({ client, commands: sdk, bucket: await newBucket(), partSize: 5 * mebibyte }));
    await using blocks = cached(objects, { cache: memoryObjectStore(), blockBytes: 64 * 1024 });
    const store = encrypted(blocks, { cipher: envelope });
    const plaintext = Uint8Array.from({ length: 12 * mebibyte }, (_, n) => (n * 7 + (n >> 11)) & 0xff);
    expect((await store.put("k", new Blob([plaintext]).stream())).size).toBe(plaintext.byteLength);
    expect((await store.head("k"))?.size).toBe(plaintext.byteLength);
    for (const start of [0, 65_535, 5 * mebibyte + 1, 12 * mebibyte - 10]) {
      const part = await (await store.get("k", { range: { start, end: start + 70_000 } })).bytes();
      expect(Buffer.compare(part, plaintext.subarray(start, start + 70_000))).toBe(0);
    }
    expect(Buffer.compare(await (await store.get("k")).bytes(), plaintext)).toBe(0);
  });
});
