import { createCipheriv, createHash, createSecretKey, hkdfSync } from "node:crypto";
import { type DataKey, type EncryptionContext, type KeyProvider, toBytes } from "@ashlar/core";
import { manualClock, memoryKeyProvider } from "@ashlar/core/memory";
import { describeCipher, describeSeekableCipher } from "@ashlar/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEnvelope } from "./envelope.ts";
import { sealSegment, tagLength } from "./segments.ts";

describeCipher("envelope", { create: () => createEnvelope({ keys: memoryKeyProvider() }) });
describeCipher("envelope with a cache", {
  create: () => createEnvelope({ keys: memoryKeyProvider(), cache: { maxAgeMs: 60_000 }, segmentSize: 4096 }),
});

describeSeekableCipher("envelope", { create: () => createEnvelope({ keys: memoryKeyProvider() }) });
describeSeekableCipher("envelope of small segments", {
  create: () => createEnvelope({ keys: memoryKeyProvider(), segmentSize: 1024 }),
});

const segmentSize = 1024;
const keys = memoryKeyProvider();
const envelope = createEnvelope({ keys, segmentSize });
const context = { tenant: "blue", purpose: "model" };
const sealed = (plaintext: Uint8Array): Promise<Uint8Array> => toBytes(envelope.encrypt(plaintext, { context }));
const opened = (bytes: Uint8Array, given: EncryptionContext = context): Promise<Uint8Array> =>
  toBytes(envelope.decrypt(bytes, { context: given }));
const refused = { code: "DECRYPTION_FAILED" };
const headerLength = (bytes: Uint8Array): number => {
  const view = Buffer.from(bytes);
  return 46 + view.readUInt16BE(42) + view.readUInt16BE(44) + 32;
};
const sample = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, n) => (n * 7 + (n >> 8)) & 0xff);

/** Counts its calls. */
function counted(provider: KeyProvider): KeyProvider & { calls: number } {
  const counting = {
    calls: 0,
    generateDataKey: (given: EncryptionContext): Promise<DataKey> => (
      counting.calls++,
      provider.generateDataKey(given)
    ),
    unwrapDataKey: (wrapped: Uint8Array, keyId: string, given: EncryptionContext): Promise<Uint8Array> => (
      counting.calls++,
      provider.unwrapDataKey(wrapped, keyId, given)
    ),
  };
  return counting;
}

describe("envelope", () => {
  it("opens segments in their own order only", async () => {
    const whole = await sealed(sample(4 * segmentSize + 5));
    const start = headerLength(whole);
    const pieces = Array.from({ length: 5 }, (_, n) => {
      const at = start + n * (segmentSize + tagLength);
      return whole.subarray(at, at + segmentSize + tagLength);
    });
    const order = fc.array(fc.nat({ max: 4 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(order, async (chosen) => {
        const body = chosen.flatMap((n) => [...(pieces[n] ?? [])]);
        const message = new Uint8Array([...whole.subarray(0, start), ...body]);
        const outcome = await opened(message).catch((error: { code: string }) => error.code);
        expect(outcome).toEqual(chosen.join() === "0,1,2,3,4" ? sample(4 * segmentSize + 5) : refused.code);
      }),
      { numRuns: 150, examples: [[[0, 1, 2, 3, 4]], [[1, 0, 2, 3, 4]], [[0, 1, 2, 4]], [[0, 1, 2, 3]], [[]]] },
    );
  });

  it("does not open the body of one message under the header of another", async () => {
    const [a, b] = [await sealed(sample(3000)), await sealed(sample(3000))];
    const cut = headerLength(a);
    await expect(opened(new Uint8Array([...a.subarray(0, cut), ...b.subarray(cut)]))).rejects.toMatchObject(refused);
  });

  it("does not open a header without its commitment, or with another's", async () => {
    const [a, b] = [await sealed(sample(100)), await sealed(sample(100))];
    const cut = headerLength(a);
    const [prefix, body] = [a.subarray(0, cut - 32), a.subarray(cut)];
    for (const commitment of [new Uint8Array(), new Uint8Array(32), b.subarray(cut - 32, cut)]) {
      await expect(opened(new Uint8Array([...prefix, ...commitment, ...body]))).rejects.toMatchObject(refused);
    }
  });

  it("commits to its key: a provider that unwraps to another key is found out before the body", async () => {
    const lying: KeyProvider = { ...keys, unwrapDataKey: async () => new Uint8Array(32) };
    const stream = createEnvelope({ keys: lying }).decrypt(await sealed(sample(10)), { context });
    await expect(toBytes(stream)).rejects.toMatchObject({
      message: expect.stringMatching(/header, the key/) as string,
    });
  });

  it.each<EncryptionContext>([
    {},
    { tenant: "blue" },
    { tenant: "blue", purpose: "model", extra: "" },
    { tenant: "model", purpose: "blue" },
    { tenant: "blue", purpose: "Model" },
    { tenant: "blue", purpose: "mode\u006c\u0301" },
    { tenantblue: "", purpose: "model" },
  ])("does not open under the context %j", async (other) => {
    await expect(opened(await sealed(sample(10)), other)).rejects.toMatchObject(refused);
  });

  it("binds the context itself, even when the key provider does not look at it", async () => {
    const careless: KeyProvider = {
      generateDataKey: () => keys.generateDataKey({}),
      unwrapDataKey: (wrapped, keyId) => keys.unwrapDataKey(wrapped, keyId, {}),
    };
    const loose = createEnvelope({ keys: careless });
    const message = await toBytes(loose.encrypt(sample(10), { context }));
    expect(await toBytes(loose.decrypt(message, { context: { purpose: "model", tenant: "blue" } }))).toEqual(
      sample(10),
    );
    await expect(toBytes(loose.decrypt(message, { context: { tenant: "red" } }))).rejects.toMatchObject(refused);
  });

  it("refuses a context that has no one form", async () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, ""]));
    for (const bad of [{ a: "\ud800" }, { a: "x".repeat(4097) }, many]) {
      const attempt = toBytes(envelope.encrypt(sample(1), { context: bad }));
      await expect(attempt).rejects.toMatchObject({ code: "ENCRYPTION_CONTEXT_INVALID" });
    }
  });

  it("refuses absurd lengths before it asks the key provider or for more bytes", async () => {
    const counting = counted(keys);
    const message = Buffer.from(await sealed(sample(10)));
    for (const [offset, value] of [
      [6, 0xff],
      [42, 0xff],
      [44, 0xff],
      [4, 2],
      [5, 2],
      [0, 0],
    ] as const) {
      const altered = Buffer.from(message);
      altered[offset] = value;
      const attempt = toBytes(createEnvelope({ keys: counting }).decrypt(altered, { context }));
      await expect(attempt).rejects.toMatchObject(refused);
    }
    expect(counting.calls).toBe(0);
  });

  it("gives out no byte of a segment that does not verify", async () => {
    const message = await sealed(sample(5 * segmentSize));
    const at = headerLength(message) + 2 * (segmentSize + tagLength) + 3;
    message[at] = (message[at] ?? 0) ^ 1;
    const given: Uint8Array[] = [];
    const read = async (): Promise<void> => {
      for await (const piece of envelope.decrypt(message, { context })) given.push(piece);
    };
    await expect(read()).rejects.toMatchObject(refused);
    expect(Buffer.concat(given)).toEqual(Buffer.from(sample(2 * segmentSize)));
  });

  it("reads any range, and only the segments it stands in", async () => {
    const size = 5 * segmentSize + 100;
    const message = await sealed(sample(size));
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: size - 1 }), fc.nat({ max: size + 50 }), async (start, end) => {
        const range = await envelope.decryptRange(message, { start, end, context });
        expect(range).toEqual(sample(size).slice(start, Math.max(start, end)));
      }),
      { numRuns: 60 },
    );
    let bytes = 0;
    const source = {
      size: message.length,
      read: async (start: number, end: number) => ((bytes += end - start), message.subarray(start, end)),
    };
    const big = await sealed(sample(100 * segmentSize));
    const bigSource = {
      size: big.length,
      read: async (a: number, b: number) => ((bytes += b - a), big.subarray(a, b)),
    };
    await envelope.decryptRange(bigSource, { start: 50 * segmentSize, end: 50 * segmentSize + 10, context });
    expect(bytes).toBeLessThan(16 * 1024);
    await expect(envelope.decryptRange(source, { start: size, context })).rejects.toMatchObject({
      code: "RANGE_NOT_SATISFIABLE",
    });
    const cut = message.subarray(0, headerLength(message) + 2 * (segmentSize + tagLength));
    for (const range of [{ start: 2000 }, { start: 9000 }, { start: 1500, end: 3000 }]) {
      await expect(envelope.decryptRange(cut, { ...range, context })).rejects.toMatchObject(refused);
    }
  });

  it("stops when it is aborted, and lets go of its source", async () => {
    const stop = new AbortController();
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(segmentSize)),
      cancel: () => void (cancelled = true),
    });
    const reader = envelope.encrypt(endless, { signal: stop.signal }).getReader();
    await reader.read();
    stop.abort(new Error("enough"));
    await expect(reader.read()).rejects.toThrow("enough");
    expect(cancelled).toBe(true);
  });

  it.each([0, 100, 1.5, 2 ** 21])("refuses a segment size of %d", (segmentSize) => {
    expect(() => createEnvelope({ keys, segmentSize })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });

  it("repeats no nonce within a message", () => {
    const key = {
      key: createSecretKey(new Uint8Array(32)),
      baseNonce: new Uint8Array(12).fill(0xa5),
      commitment: new Uint8Array(),
    };
    const seen = new Set<string>();
    for (const index of [0, 1, 2, 255, 256, 2 ** 24, 2 ** 31, 2 ** 32 - 1]) {
      for (const last of [false, true])
        seen.add(Buffer.from(sealSegment(key, { index, last }, new Uint8Array(16))).toString("hex"));
    }
    expect(seen.size).toBe(16);
    expect(() => sealSegment(key, { index: 2 ** 32, last: true }, new Uint8Array(16))).toThrow(
      expect.objectContaining({ code: "MESSAGE_TOO_LONG" }),
    );
  });
});

describe("the format", () => {
  // The README's table, followed by hand: a change here is a change of the format.
  const dataKey = sample(32);
  const fixed: KeyProvider = {
    generateDataKey: async () => ({ plaintext: dataKey.slice(), wrapped: Uint8Array.of(1, 2, 3), keyId: "key-1" }),
    unwrapDataKey: async () => dataKey.slice(),
  };
  const golden = `41534845010100000400${"09".repeat(32)}000500036b65792d31010203`;

  it("is what the README says", async () => {
    const plaintext = sample(1500);
    const prefix = Buffer.from(golden, "hex");
    const pair = Buffer.from("\x00\x06tenant\x00\x04blue");
    const info = Buffer.concat([Buffer.from("ashlar envelope 1"), sha512(prefix), sha512(pair)]);
    const derived = Buffer.from(hkdfSync("sha512", dataKey, Buffer.alloc(32, 9), info, 76));
    const seal = (index: number, last: number, piece: Uint8Array): Buffer => {
      const nonce = Buffer.from(derived.subarray(32, 44));
      nonce[0] = (nonce[0] ?? 0) ^ last;
      nonce[11] = (nonce[11] ?? 0) ^ index;
      const cipher = createCipheriv("aes-256-gcm", derived.subarray(0, 32), nonce);
      return Buffer.concat([cipher.update(piece), cipher.final(), cipher.getAuthTag()]);
    };
    const message = Buffer.concat([
      prefix,
      derived.subarray(44),
      seal(0, 0, plaintext.subarray(0, 1024)),
      seal(1, 1, plaintext.subarray(1024)),
    ]);
    expect(createHash("sha256").update(message).digest("hex")).toMatchInlineSnapshot(
      `"1891b3edc01515c3516e79ec49fd3265e16b2250de1e721b3ba9ce4cf1eb8609"`,
    );
    const envelope = createEnvelope({ keys: fixed });
    expect(await toBytes(envelope.decrypt(message, { context: { tenant: "blue" } }))).toEqual(plaintext);
  });
});

function sha512(bytes: Uint8Array): Buffer {
  return createHash("sha512").update(bytes).digest();
}

describe("data key cache", () => {
  const clock = manualClock();
  const make = (cache: { maxMessages?: number; maxBytes?: number; maxKeys?: number }) => {
    const provider = counted(memoryKeyProvider());
    return { provider, envelope: createEnvelope({ keys: provider, cache: { maxAgeMs: 1000, ...cache }, clock }) };
  };
  const send = (to: { envelope: ReturnType<typeof createEnvelope> }, tenant = "blue"): Promise<Uint8Array> =>
    toBytes(to.envelope.encrypt(sample(100), { context: { tenant } }));

  it("makes one call for callers that miss together, and decrypts with one more", async () => {
    const one = make({});
    const messages = await Promise.all(Array.from({ length: 50 }, () => send(one)));
    expect(one.provider.calls).toBe(1);
    expect(new Set(messages.map((message) => Buffer.from(message).toString("hex"))).size).toBe(50);
    for (const message of messages) {
      expect(await toBytes(one.envelope.decrypt(message, { context: { tenant: "blue" } }))).toEqual(sample(100));
    }
    expect(one.provider.calls).toBe(2);
    const wrong = toBytes(one.envelope.decrypt(messages[0] ?? sample(1), { context: { tenant: "red" } }));
    await expect(wrong).rejects.toMatchObject(refused);
  });

  it.each([
    ["messages", { maxMessages: 2 }],
    ["bytes", { maxBytes: 150 }],
  ])("takes a new key after so many %s", async (_, limits) => {
    const one = make(limits);
    for (let n = 0; n < 4; n++) await send(one);
    expect(one.provider.calls).toBe(2);
  });

  it("takes a new key after its age, for another context, and when it was dropped for another", async () => {
    const one = make({ maxKeys: 1 });
    await send(one);
    clock.advance(1001);
    await send(one);
    expect(one.provider.calls).toBe(2);
    await send(one, "red");
    await send(one, "blue");
    expect(one.provider.calls).toBe(4);
  });

  it("keeps no failure", async () => {
    const good = memoryKeyProvider();
    let broken = true;
    const flaky: KeyProvider = {
      ...good,
      generateDataKey: (given) => (broken ? Promise.reject(new Error("throttled")) : good.generateDataKey(given)),
    };
    const envelope = createEnvelope({ keys: flaky, cache: { maxAgeMs: 1000 } });
    await expect(toBytes(envelope.encrypt(sample(1)))).rejects.toThrow("throttled");
    broken = false;
    expect((await toBytes(envelope.encrypt(sample(1)))).length).toBeGreaterThan(1);
    envelope[Symbol.dispose]();
  });

  it("refuses limits that are not above 0", () => {
    for (const cache of [{ maxAgeMs: 0 }, { maxAgeMs: 1, maxMessages: -1 }, { maxAgeMs: Number.NaN }]) {
      expect(() => createEnvelope({ keys, cache })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    }
  });
});
