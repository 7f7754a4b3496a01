import type * as Sdk from "@aws-sdk/client-s3";
import type { ObjectStore } from "@ashlar/core";
import { describeObjectStore } from "@ashlar/core/testing";
import { describe, expect, expectTypeOf, it } from "vitest";
import { FakeS3, fakeCommands, sdkError } from "../../test/fake-s3.ts";
import { loadS3Commands, type S3Commands } from "./s3-commands.ts";
import { s3, type S3Client, type S3Options } from "./s3.ts";

const mebibyte = 1024 * 1024;
const partSize = 5 * mebibyte;
const make = (options: Partial<S3Options> = {}) => {
  const client = new FakeS3();
  return { client, store: s3({ client, commands: fakeCommands, bucket: "b", partSize, ...options }) };
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list("")) keys.push(key);
  return keys;
}

/** Tells how far it was read. */
function counted(size: number): { body: ReadableStream<Uint8Array>; pulled: () => number } {
  let pulled = 0;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    const chunk = new Uint8Array(Math.min(mebibyte, size - pulled));
    pulled += chunk.byteLength;
    if (chunk.byteLength > 0) controller.enqueue(chunk);
    else controller.close();
  };
  return { body: new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 }), pulled: () => pulled };
}

describeObjectStore("s3 over a fake of its API", {
  create: () => make({ pageSize: 400 }).store,
  capabilities: { conditionalPut: true, rangeRead: true },
});

describe("an upload in parts", () => {
  it("reads no further than the parts on their way and one more, and sends few at a time", async () => {
    const { client, store } = make({ concurrency: 3 });
    const { body, pulled } = counted(60 * mebibyte);
    let done = 0;
    let sending = 0;
    client.before = async (operation) => {
      if (operation !== "UploadPart") return;
      expect(++sending).toBeLessThanOrEqual(3);
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(pulled() - done * partSize).toBeLessThanOrEqual(5 * partSize);
      sending -= 1;
      done += 1;
    };
    expect((await store.put("k", body)).size).toBe(60 * mebibyte);
    expect(done).toBe(12);
    expect(client.objects.get("k")?.body.byteLength).toBe(60 * mebibyte);
  });

  it("sends a part again that did not arrive", async () => {
    const { client, store } = make();
    let failures = 0;
    client.before = (operation, { PartNumber }) => {
      if (operation === "UploadPart" && PartNumber === 2 && failures++ < 2) throw sdkError("SlowDown", 503);
    };
    expect((await store.put("k", counted(12 * mebibyte).body)).size).toBe(12 * mebibyte);
    expect(failures).toBe(3);
    expect(client.objects.get("k")?.body.byteLength).toBe(12 * mebibyte);
  });

  it("takes everything back when a part fails for good, and cancels a silent body", async () => {
    const { client, store } = make();
    client.before = (operation) => {
      if (operation === "UploadPart") throw sdkError("AccessDenied", 403);
    };
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    let left = 12;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => (left-- > 0 ? controller.enqueue(new Uint8Array(mebibyte)) : cancelled),
      cancel: () => resolve(),
    });
    await expect(store.put("k", body)).rejects.toMatchObject({ code: "STORE_REFUSED", details: { key: "k" } });
    await cancelled;
    expect(client.uploads.size).toBe(0);
    expect(client.objects.size).toBe(0);
  });

  it("is done when only the answer to its completion was lost", async () => {
    const { client, store } = make();
    client.after = (operation) => {
      if (operation === "CompleteMultipartUpload") throw new Error("socket hang up");
    };
    const info = await store.put("k", counted(12 * mebibyte).body, { ifAbsent: true });
    expect(info.etag).toBe(client.objects.get("k")?.etag);
    client.before = (operation) => {
      if (operation === "CompleteMultipartUpload") throw new Error("socket hang up");
    };
    const failed = store.put("other", counted(12 * mebibyte).body);
    await expect(failed).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    expect(client.uploads.size).toBe(0);
  });

  it("refuses what needs more parts than there may be", async () => {
    const client = new FakeS3();
    const keepsNothing: S3Client = {
      send: async (command, options) =>
        command instanceof fakeCommands.UploadPartCommand ? { ETag: '"part"' } : client.send(command, options),
    };
    const store = s3({ client: keepsNothing, commands: fakeCommands, bucket: "b", partSize });
    const chunk = new Uint8Array(partSize * 101);
    const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(chunk) });
    await expect(store.put("k", body)).rejects.toMatchObject({ code: "OBJECT_TOO_LARGE" });
    expect(client.uploads.size).toBe(0);
  });
});

describe("a condition", () => {
  it("is asked again while others write", async () => {
    const { client, store } = make();
    let conflicts = 0;
    client.before = (operation) => {
      if (operation === "PutObject" && conflicts++ < 3) throw sdkError("ConditionalRequestConflict", 409);
    };
    await store.put("k", bytes("1"), { ifAbsent: true });
    expect(client.calls).toEqual(["PutObject", "PutObject", "PutObject", "PutObject"]);
  });

  it("knows its own write when an answer was lost and the SDK sent it again", async () => {
    const { client, store } = make();
    const sdk = { send: client.send.bind(client) };
    const again: S3Client = {
      async send(command, options) {
        await sdk.send(command, options);
        return sdk.send(command, options);
      },
    };
    const twice = s3({ client: again, commands: fakeCommands, bucket: "b", partSize });
    const info = await twice.put("k", bytes("1"), { ifAbsent: true });
    expect(info).toMatchObject({ size: 1, etag: (await store.head("k"))?.etag });
    await twice.put("k", bytes("22"), { ifMatch: info.etag });
    const lost = store.put("k", bytes("1"), { ifAbsent: true });
    await expect(lost).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
  });
});

describe("a failure", () => {
  it.each([
    [sdkError("AccessDenied", 403), { code: "STORE_REFUSED", retryable: false }],
    [sdkError("NoSuchBucket", 404), { code: "STORE_REFUSED" }],
    [sdkError("SlowDown", 503, { "retry-after": "7" }), { code: "STORE_UNAVAILABLE", details: { retryAfterMs: 7000 } }],
    [sdkError("TooManyRequests", 429), { code: "STORE_UNAVAILABLE", retryable: true }],
    [sdkError("RequestTimeout", 400), { code: "STORE_UNAVAILABLE", retryable: true }],
    [new Error("connect ECONNREFUSED"), { code: "STORE_UNAVAILABLE", retryable: true }],
  ])("of the kind %s is named", async (error, expected) => {
    const { client, store } = make();
    client.before = () => {
      throw error;
    };
    const named = { ...expected, cause: error };
    await expect(store.get("k")).rejects.toMatchObject(named);
    await expect(store.head("k")).rejects.toMatchObject(named);
    await expect(store.put("k", bytes("1"))).rejects.toMatchObject(named);
    await expect(store.delete("k")).rejects.toMatchObject(named);
    await expect(keysOf(store)).rejects.toMatchObject(named);
  });

  it("of a body that ends too early is told from its end", async () => {
    const { client, store } = make();
    await store.put("k", bytes("0123456789"));
    const cutting: S3Client = {
      async send(command, options) {
        const output = (await client.send(command, options)) as object;
        return { ...output, Body: { transformToWebStream: () => new Blob(["01234"]).stream() } };
      },
    };
    const object = await s3({ client: cutting, commands: fakeCommands, bucket: "b" }).get("k");
    await expect(object.bytes()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});

it("keeps stores with different prefixes apart, and lists nothing that is no key", async () => {
  const client = new FakeS3();
  const one = s3({ client, commands: fakeCommands, bucket: "b", prefix: "team/one" });
  const two = s3({ client, commands: fakeCommands, bucket: "b", prefix: "team/two/" });
  await one.put("k", bytes("1"));
  await two.put("k", bytes("2"));
  client.objects.set("team/one/folder/", { body: bytes(""), etag: '""', metadata: {}, at: new Date() });
  expect([...client.objects.keys()].sort()).toEqual(["team/one/folder/", "team/one/k", "team/two/k"]);
  expect(await keysOf(one)).toEqual(["k"]);
  expect(() => s3({ client, bucket: "b", prefix: "../x" })).toThrow(expect.objectContaining({ code: "INVALID_KEY" }));
});

it.each([{ partSize: mebibyte }, { partSize: 5.5 * mebibyte + 0.5 }, { concurrency: 0 }, { pageSize: -1 }])(
  "refuses the options %j",
  (options) => {
    expect(() => make(options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  },
);

it("names the library that is missing", async () => {
  const load = loadS3Commands(() => Promise.reject(new Error("Cannot find package")));
  await expect(load).rejects.toMatchObject({
    code: "LIBRARY_MISSING",
    details: { name: "@aws-sdk/client-s3", range: "^3" },
  });
  expect(Object.keys(await loadS3Commands())).toContain("PutObjectCommand");
});

it("takes the client of the SDK as it is", () => {
  expectTypeOf<Sdk.S3Client>().toExtend<S3Client>();
  expectTypeOf<typeof Sdk>().toExtend<S3Commands>();
});
