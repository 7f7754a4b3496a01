import * as sdk from "@aws-sdk/client-s3";
import { describeObjectStore } from "@ashlar/core/testing";
import { s3 } from "@ashlar/storage/s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, isThere, type Moto, startMoto } from "./moto.ts";

// Against the S3 of moto (PyPI `moto[server]`). What moto does not do, and so is not shown here: it checks no signatures
// and no permissions, ignores If-Match on CompleteMultipartUpload, never answers 409 ConditionalRequestConflict, and
// decides conditions in one process without a lock of its own (in practice one of fifty writers wins).
const mebibyte = 1024 * 1024;

describe.skipIf(!isThere && process.env["CI"] === undefined)(`S3 of moto (python: ${isThere})`, () => {
  let moto: Moto;
  let client: sdk.S3Client;
  let buckets = 0;

  beforeAll(async () => {
    moto = await startMoto();
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    client = new sdk.S3Client({ endpoint: moto.endpoint, region: "us-east-1", forcePathStyle: true, credentials });
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
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const nobody = new sdk.S3Client({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
    const store = s3({ client: nobody, commands: sdk, bucket: "b" });
    await expect(store.get("k")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    nobody.destroy();
  });
});
