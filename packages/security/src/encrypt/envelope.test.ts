import { toBytes } from "@ashlar/core";
import { memoryKeyProvider } from "@ashlar/core/memory";
import { describeCipher } from "@ashlar/core/testing";
import { describe, expect, it } from "vitest";
import { createEnvelope } from "./envelope.ts";

describeCipher("envelope", { create: () => createEnvelope({ keys: memoryKeyProvider() }) });
describeCipher("envelope with a cache", {
  create: () => createEnvelope({ keys: memoryKeyProvider(), cache: { maxAgeMs: 60_000 }, segmentSize: 4096 }),
});

describe("envelope", () => {
  it("works", async () => {
    const envelope = createEnvelope({ keys: memoryKeyProvider() });
    expect((await toBytes(envelope.encrypt(new Uint8Array(3)))).length).toBeGreaterThan(3);
  });
});
