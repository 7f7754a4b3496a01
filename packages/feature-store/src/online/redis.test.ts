import { expect, it } from "vitest";
import { bucketOf } from "./bucket.ts";
import { namespacePattern, vectorKey } from "./redis-keys.ts";
import { redis } from "./redis.ts";

it("names a server that is not there, and a prefix that would move its keys", async () => {
  await using nobody = redis({ url: "redis://127.0.0.1:1" });
  const failed = { code: "ONLINE_STORE_UNAVAILABLE", retryable: true, details: { store: "Redis", operation: "read" } };
  await expect(nobody.watermark("v@1")).rejects.toMatchObject(failed);
  const bad = expect.objectContaining({ code: "DEFINITION_INVALID" });
  expect(() => redis({ url: "redis://127.0.0.1:1", prefix: "{a}" })).toThrow(bad);
});

it("has the same keys for ever: those written by one release are found by the next", () => {
  const key = Buffer.from("JFK");
  expect(bucketOf(key)).toBe(30);
  expect(vectorKey("ashlar", "airport@0123", key).toString()).toBe("ashlar:{airport@0123:30}JFK");
  expect(vectorKey("ashlar", "a:{b}%@1", key).toString()).toBe("ashlar:{a%3A%7Bb%7D%25@1:30}JFK");
  expect(namespacePattern("ashlar", "v*@1")).toEqual(["ashlar:{v\\*@1:*", "ashlar:{v\\*@1}watermark"]);
});
