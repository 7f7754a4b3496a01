import { type Bytes, coreError, type ObjectInfo, type ObjectStore } from "@ashlar/core";
import { manualClock, memoryObjectStore } from "@ashlar/core/memory";
import { describeObjectStore } from "@ashlar/core/testing";
import { describe, expect, it } from "vitest";
import { storageError } from "../errors.ts";
import { retryAfterMs } from "./backoff.ts";
import { retrying } from "./retrying.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const unavailable = (retryAfterMs?: number): Error =>
  storageError("STORE_UNAVAILABLE", {
    store: "The storm",
    operation: "all",
    key: "k",
    reason: "thunder",
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });

/** The numbers of a generator that is the same in every run. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const forwarding = (objects: ObjectStore): ObjectStore => ({
  capabilities: objects.capabilities,
  get: (key, options) => objects.get(key, options),
  put: (key, body, options) => objects.put(key, body, options),
  head: (key, options) => objects.head(key, options),
  delete: (key, options) => objects.delete(key, options),
  list: (prefix, options) => objects.list(prefix, options),
});

/** Fails one call in three, before or after it was done, and breaks bodies and listings off. */
function storm(objects: ObjectStore, roll: () => number = dice(7)): ObjectStore {
  const through = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (roll() < 0.17) throw unavailable();
    const result = await work();
    if (roll() < 0.17) throw unavailable();
    return result;
  };
  const breaking = (stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> =>
    stream.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          if (roll() > 0.2) return controller.enqueue(chunk);
          controller.enqueue(chunk.subarray(0, chunk.byteLength >> 1));
          controller.error(unavailable());
        },
      }),
    );
  return {
    capabilities: objects.capabilities,
    async get(key, options) {
      const object = await through(() => objects.get(key, options));
      const stream = (): ReadableStream<Uint8Array> => breaking(object.stream());
      return {
        info: object.info,
        stream,
        bytes: async () => new Uint8Array(await new Response(stream()).arrayBuffer()),
      };
    },
    put: (key, body: Bytes, options) =>
      body instanceof Uint8Array ? through(() => objects.put(key, body, options)) : objects.put(key, body, options),
    head: (key, options) => through(() => objects.head(key, options)),
    delete: (key, options) => through(() => objects.delete(key, options)),
    async *list(prefix, options): AsyncGenerator<ObjectInfo> {
      for await (const info of objects.list(prefix, options)) {
        if (roll() < 0.1) throw unavailable();
        yield info;
      }
    },
  };
}

describeObjectStore("retrying in a storm", {
  create: () => retrying(storm(memoryObjectStore()), { attempts: 40, baseDelayMs: 0 }),
  capabilities: { conditionalPut: true, rangeRead: true },
});

/** Throws each error once, in turn, in place of the answers. */
function failing(objects: ObjectStore, failures: readonly (Error | undefined)[]): ObjectStore & { calls: number } {
  const queue = [...failures];
  const answer = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    counted.calls += 1;
    const result = await work();
    const failure = queue.shift();
    if (failure !== undefined) throw failure;
    return result;
  };
  const counted = {
    ...objects,
    calls: 0,
    head: (key: string) => answer(() => objects.head(key)),
    put: (...parameters: Parameters<ObjectStore["put"]>) => answer(() => objects.put(...parameters)),
  };
  return counted;
}

describe("a put whose answer is lost", () => {
  it("is done when the object is what was put", async () => {
    const objects = memoryObjectStore();
    const store = retrying(failing(objects, [unavailable()]), { baseDelayMs: 0 });
    const info = await store.put("k", bytes("mine"), { ifAbsent: true });
    expect(info).toEqual(await objects.head("k"));
    const next = retrying(failing(objects, [unavailable()]), { baseDelayMs: 0 });
    expect((await next.put("k", bytes("next"), { ifMatch: info.etag })).etag).not.toBe(info.etag);
  });

  it("is refused when another writer was first, and at once when nothing was lost", async () => {
    const objects = memoryObjectStore();
    const refused = { code: "PRECONDITION_FAILED" };
    await objects.put("k", bytes("them"));
    const early = failing(objects, []);
    await expect(retrying(early).put("k", bytes("them"), { ifAbsent: true })).rejects.toMatchObject(refused);
    expect(early.calls).toBe(1);
    const overtaken: ObjectStore = {
      ...objects,
      async put(key, body, options) {
        await objects.put(key, body, options);
        await objects.put(key, bytes("them"));
        throw unavailable();
      },
    };
    await objects.delete("k");
    const lost = retrying(overtaken, { baseDelayMs: 0 }).put("k", bytes("mine"), { ifAbsent: true });
    await expect(lost).rejects.toMatchObject(refused);
  });

  it("lets go of the object of another writer, whatever its size", async () => {
    for (const theirs of ["other", "longer than ours"]) {
      const objects = memoryObjectStore();
      await objects.put("k", bytes(theirs));
      let open = 0;
      let puts = 0;
      const counted: ObjectStore = {
        ...forwarding(objects),
        async get(key, options) {
          const object = await objects.get(key, options);
          open += 1;
          const reader = object.stream().getReader();
          const over = (): void => void (open -= 1);
          const stream = (): ReadableStream<Uint8Array> =>
            new ReadableStream({
              async pull(controller) {
                const { value, done } = await reader.read();
                if (!done) return controller.enqueue(value);
                over();
                controller.close();
              },
              cancel: over,
            });
          return { info: object.info, stream, bytes: object.bytes };
        },
        put: async (key, body, options) => {
          if (puts++ === 0) throw unavailable();
          return objects.put(key, body, options);
        },
      };
      const store = retrying(counted, { baseDelayMs: 0 });
      const put = store.put("k", bytes("otter"), { ifAbsent: true });
      await expect(put).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
      expect(open).toBe(0);
    }
  });

  it("of a stream is not made again", async () => {
    const store = failing(memoryObjectStore(), [unavailable()]);
    const put = retrying(store, { baseDelayMs: 0 }).put("k", new Blob(["x"]).stream());
    await expect(put).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(store.calls).toBe(1);
  });
});

describe("a body that breaks off", () => {
  it("fails when another version has taken its place", async () => {
    const objects = memoryObjectStore();
    await objects.put("k", new Uint8Array(600_000).fill(1));
    const broken: ObjectStore = {
      ...objects,
      async get(key, options) {
        const object = await objects.get(key, options);
        const breaks = new TransformStream<Uint8Array, Uint8Array>({
          async transform(chunk, controller) {
            controller.enqueue(chunk);
            await objects.put("k", new Uint8Array(600_000).fill(2));
            controller.error(unavailable());
          },
        });
        return { ...object, stream: () => object.stream().pipeThrough(breaks) };
      },
    };
    const object = await retrying(broken, { baseDelayMs: 0 }).get("k");
    await expect(object.bytes()).rejects.toMatchObject({ code: "OBJECT_REPLACED", retryable: true });
  });
});

describe("the time between tries", () => {
  it("is a random part of a delay that doubles, or what the store asks for", async () => {
    const delays: number[] = [];
    const clock = { ...manualClock(), sleep: async (ms: number) => void delays.push(ms) };
    const failures = [unavailable(), unavailable(), unavailable(), unavailable(700), unavailable()];
    const store = failing(memoryObjectStore(), failures);
    const options = { attempts: 6, baseDelayMs: 100, maxDelayMs: 1_000, clock, random: () => 0.5 };
    expect(await retrying(store, options).head("k")).toBeUndefined();
    expect(delays).toEqual([50, 100, 200, 700, 500]);
  });

  it("ends with the attempts, with a delay that is too long, with what is not retryable, and with the signal", async () => {
    const memory = memoryObjectStore();
    const all = Array.from({ length: 9 }, () => unavailable());
    const few = failing(memory, all);
    await expect(retrying(few, { attempts: 3, baseDelayMs: 0 }).head("k")).rejects.toMatchObject({ retryable: true });
    expect(few.calls).toBe(3);
    const long = failing(memory, [unavailable(60_000)]);
    await expect(retrying(long).head("k")).rejects.toMatchObject({ details: { retryAfterMs: 60_000 } });
    const refused = failing(memory, [coreError("INVALID_KEY", { key: "k", rule: "it is" })]);
    await expect(retrying(refused).head("k")).rejects.toMatchObject({ code: "INVALID_KEY" });
    const reset = failing(memory, [Object.assign(new Error("reset"), { code: "ECONNRESET" })]);
    expect(await retrying(reset, { baseDelayMs: 0 }).head("k")).toBeUndefined();
    const stop = new AbortController();
    const waiting = retrying(failing(memory, all), { baseDelayMs: 10_000 }).head("k", { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    expect(long.calls + refused.calls).toBe(2);
  });

  it("is read from Retry-After in seconds or as a date", () => {
    expect(retryAfterMs("7")).toBe(7_000);
    expect(retryAfterMs("Wed, 21 Oct 2015 07:28:05 GMT", Date.UTC(2015, 9, 21, 7, 28))).toBe(5_000);
    expect(retryAfterMs("soon")).toBeUndefined();
    expect(retryAfterMs(undefined)).toBeUndefined();
  });
});

it.each([{ attempts: 0 }, { attempts: 1.5 }, { baseDelayMs: -1 }, { maxDelayMs: Number.NaN }])(
  "refuses the options %j",
  (options) => {
    expect(() => retrying(memoryObjectStore(), options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  },
);
