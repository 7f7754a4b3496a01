import { type Cipher, concatBytes, coreError, toBytes } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { expect, it } from "vitest";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, openLake } from "../lake/index.ts";
import { encrypted } from "./encrypted.ts";

/** AES-256-GCM over the whole body, for tests. */
function wholeCipher(): Cipher {
  const key = crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);
  const text = (context: unknown): Uint8Array<ArrayBuffer> =>
    own(new TextEncoder().encode(JSON.stringify(context ?? {})));
  const later = (work: () => Promise<Uint8Array>): ReadableStream<Uint8Array> =>
    new ReadableStream({
      async pull(controller) {
        const bytes = await work();
        if (bytes.byteLength > 0) controller.enqueue(bytes);
        controller.close();
      },
    });
  return {
    encrypt: (body, options) =>
      later(async () => {
        const iv = crypto.getRandomValues(new Uint8Array(12));
        const algorithm = { name: "AES-GCM", iv, additionalData: text(options?.context) };
        const sealed = await crypto.subtle.encrypt(algorithm, await key, own(await toBytes(body)));
        return concatBytes([iv, new Uint8Array(sealed)]);
      }),
    decrypt: (body, options) =>
      later(async () => {
        const sealed = own(await toBytes(body));
        const algorithm = { name: "AES-GCM", iv: sealed.slice(0, 12), additionalData: text(options?.context) };
        try {
          return new Uint8Array(await crypto.subtle.decrypt(algorithm, await key, sealed.slice(12)));
        } catch (cause) {
          throw coreError("DECRYPTION_FAILED", { reason: "the tag does not match" }, { cause });
        }
      }),
  };
}

it("stores no plaintext, binds an object to its key, and answers ranges of the plaintext", async () => {
  const objects = memoryObjectStore();
  const store = encrypted(objects, { cipher: wholeCipher() });
  const plain = new TextEncoder().encode("attack at dawn");
  await store.put("a", plain);
  const sealed = await (await objects.get("a")).bytes();
  expect(Buffer.from(sealed).includes("attack")).toBe(false);
  expect(await (await store.get("a")).bytes()).toEqual(plain);
  expect(await (await store.get("a", { range: { start: 10 } })).bytes()).toEqual(plain.slice(10));
  const beyond = store.get("a", { range: { start: 14 } });
  await expect(beyond).rejects.toMatchObject({ code: "RANGE_NOT_SATISFIABLE", details: { size: 14 } });
  await objects.put("b", sealed);
  await expect((await store.get("b")).bytes()).rejects.toMatchObject({ code: "DECRYPTION_FAILED" });
  expect(store.capabilities).toEqual({ conditionalPut: true, rangeRead: false });
});

it("carries a lake, and nobody reads its files or its log without the cipher", async () => {
  const objects = memoryObjectStore();
  const cipher = wholeCipher();
  const lake = openLake({ objects: encrypted(objects, { cipher }), codec: hyparquet() });
  const table = await lake.table("t");
  await table.append(batchFrom({ n: ["long", [1n, 2n]] }));
  let rows = 0;
  for await (const batch of table.scan({ where: { n: { gte: 1 } } })) rows += batch.numRows;
  expect(rows).toBe(2);
  await expect((await openLake({ objects, codec: hyparquet() }).table("t")).snapshot()).rejects.toMatchObject({
    code: "LOG_CORRUPT",
  });
});
