import { manualClock } from "@ashlar/core/memory";
import { afterEach, describe, expect, test } from "vitest";

import { addOne, scale } from "../../test/onnx-models.ts";
import type { InferenceServerOptions } from "./index.ts";
import { WorkerInferenceServer } from "./inference-server.ts";

let server: WorkerInferenceServer;
function serve(options: InferenceServerOptions = {}): WorkerInferenceServer {
  server = new WorkerInferenceServer(options);
  return server;
}
afterEach(() => server[Symbol.asyncDispose]());

const row = Float32Array.of(1, 1);
const ask = async (version?: string): Promise<unknown> => {
  const answer = await server.infer("scale", row, version === undefined ? {} : { version });
  return answer["y"]?.data[0];
};

describe("versions", () => {
  test("stand beside each other, each asked for by name; one is the present one", async () => {
    await serve().load("scale", { onnx: scale(1) });
    await server.add("scale", { onnx: scale(2), version: "2" });
    expect([await ask(), await ask("1"), await ask("2")]).toEqual([1, 1, 2]);
    await expect(ask("3")).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
    const twin = server.add("scale", { onnx: scale(2), version: "2" });
    await expect(twin).rejects.toMatchObject({ code: "MODEL_ALREADY_LOADED" });
    server.promote("scale", "2");
    expect(await ask()).toBe(2);
    await server.unload("scale", { version: "2" });
    expect(await ask()).toBe(1);
    expect(server.models().map(({ version, primary }) => [version, primary])).toEqual([["1", true]]);
  });

  test("traffic is split exactly by weight", async () => {
    await serve().load("scale", { onnx: scale(1) });
    await server.add("scale", { onnx: scale(2), version: "2" });
    server.route("scale", { split: { "1": 90, "2": 10 } });
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask()));
    expect(answers.filter((answer) => answer === 2).length).toBe(20);
    expect(() => server.route("scale", { split: { "9": 1 } })).toThrow("version 9");
    expect(() => server.route("scale", { split: { "1": 0 } })).toThrow("above 0");
    expect(() => server.route("scale", { shadow: { version: "2", share: 2 } })).toThrow("share");
    server.route("scale", {});
    expect(await ask()).toBe(1);
  });

  test("a shadow answers nobody and its differences are reported", async () => {
    await serve().load("scale", { onnx: scale(1) });
    await server.add("scale", { onnx: scale(1.5), version: "2" });
    server.route("scale", { shadow: { version: "2", share: 0.5 } });
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask()));
    expect(new Set(answers)).toEqual(new Set([1]));
    await expect.poll(() => server.shadowReport("scale")?.compared, { timeout: 20_000 }).toBe(20);
    expect(server.shadowReport("scale")).toMatchObject({ different: 20, failures: 0, maxDifference: { y: 0.5 } });
  });
});

describe("swap", () => {
  test("what it leaves out stays as it was for the version it replaces, unless it says otherwise", async () => {
    const settings = async (version?: string) => {
      const { batching, queue, labels } = (await server.find("scale", version)).givenSettings;
      return { batching, queue, labels };
    };
    const whole = { batching: { maxDelayMs: 1 }, queue: { limit: 9 }, labels: { y: ["a", "b"] } };
    const none = { batching: undefined, queue: undefined, labels: undefined };
    await serve().load("scale", { onnx: scale(1), ...whole, responseCache: { maxBytes: 1000 } });
    await server.swap("scale", { onnx: scale(2), queue: { limit: 8 } });
    expect([await ask(), await ask(), server.statistics()["scale"]?.cacheHits]).toEqual([2, 2, 1]);
    expect(await settings()).toEqual({ ...whole, queue: { limit: 8 } });
    await server.add("scale", { onnx: scale(3), version: "9", labels: { y: ["c", "d"] } });
    await server.swap("scale", { onnx: scale(4), version: "9", takeOver: false });
    expect([await settings("9"), await settings()]).toEqual([
      { ...none, labels: { y: ["c", "d"] } },
      { ...whole, queue: { limit: 8 } },
    ]);
    await server.swap("scale", { onnx: scale(5), keepSettings: false });
    expect([await ask(), await ask(), server.statistics()["scale"]?.cacheHits]).toEqual([5, 5, 1]);
    expect(await settings()).toEqual(none);
  });

  /** Requests without end, until the work is done. */
  async function underLoad<Result>(work: () => Promise<Result>): Promise<{ result: Result; failed: unknown[] }> {
    const stop = new AbortController();
    const failed: unknown[] = [];
    const client = async (): Promise<void> => {
      for (let request = 0; !stop.signal.aborted && request < 1e6; request++) {
        await ask().catch((error: unknown) => failed.push(error));
      }
    };
    const clients = Array.from({ length: 8 }, client);
    const result = await work().finally(() => stop.abort());
    await Promise.all(clients);
    return { result, failed };
  }

  test("the next version is compared on live requests before it takes over", async () => {
    await serve().load("scale", { onnx: scale(1) });
    const { result, failed } = await underLoad(() =>
      server.swap("scale", { onnx: addOne(), shadow: { share: 0.5, requests: 30 } }),
    );
    expect(failed).toEqual([]);
    expect(result).toMatchObject({ version: "2", shadow: { failures: 0, maxDifference: { y: 1 } } });
    expect(result.shadow?.compared).toBeGreaterThanOrEqual(30);
    expect(result.shadow?.different).toBe(result.shadow?.compared);
  });

  test("a version that is not accepted changes nothing", async () => {
    await serve().load("scale", { onnx: scale(1) });
    const { failed } = await underLoad(async () => {
      const swap = server.swap("scale", {
        onnx: scale(2),
        shadow: { share: 1, requests: 10 },
        accept: (report) => report.different === 0,
      });
      await expect(swap).rejects.toMatchObject({ code: "MODEL_NOT_ACCEPTED", status: 409 });
    });
    expect(failed).toEqual([]);
    expect([await ask(), server.models().length]).toEqual([1, 1]);
  });

  test("a version that stood beside the present one may be replaced as it takes over", async () => {
    await serve().load("scale", { onnx: scale(1) });
    await server.add("scale", { onnx: scale(2), version: "2" });
    const accepted = ask("2");
    await server.swap("scale", { onnx: scale(3), version: "2" });
    expect([await accepted, await ask(), await ask("2")]).toEqual([2, 3, 3]);
    expect(server.models()).toMatchObject([{ version: "2", primary: true }]);
  });

  test("a version beside the present one is replaced in its place", async () => {
    await serve().load("scale", { onnx: scale(1) });
    await server.add("scale", { onnx: scale(2), version: "2" });
    server.route("scale", { split: { "2": 1 } });
    const accepted = ask("2");
    const info = await server.swap("scale", { onnx: scale(3), version: "2", takeOver: false });
    expect(info).toMatchObject({ version: "2", primary: false });
    expect([await accepted, await ask(), await ask("1"), await ask("2")]).toEqual([2, 3, 1, 3]);
    expect(server.models()).toMatchObject([{ version: "1", primary: true }, { version: "2" }]);
    const absent = server.swap("scale", { onnx: scale(3), version: "7", takeOver: false });
    await expect(absent).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
    expect(await server.swap("scale", { onnx: scale(4), version: "1", takeOver: false })).toMatchObject({
      primary: true,
    });
    expect(await ask("1")).toBe(4);
  });

  test("a comparison leaves the shadow of the route, which ends with its version", async () => {
    await serve().load("scale", { onnx: scale(1) });
    await server.add("scale", { onnx: scale(5), version: "9" });
    server.route("scale", { shadow: { version: "9", share: 1 } });
    await server.swap("scale", { onnx: scale(2), version: "2", shadow: { share: 1, timeoutMs: 20 } });
    expect(await ask()).toBe(2);
    await expect
      .poll(() => server.shadowReport("scale"), { timeout: 20_000 })
      .toMatchObject({
        version: "9",
        compared: 1,
        maxDifference: { y: 3 },
      });
    await server.swap("scale", { onnx: scale(3), version: "9" });
    expect([await ask(), server.shadowReport("scale")]).toEqual([3, null]);
  });

  test("without requests the comparison ends with its time", async () => {
    await serve().load("scale", { onnx: scale(1) });
    const info = await server.swap("scale", { onnx: scale(2), shadow: { share: 1, timeoutMs: 20 } });
    expect(info).toMatchObject({ shadow: { compared: 0 }, version: "2" });
    await expect(server.swap("scale", { onnx: scale(2), shadow: 7 })).rejects.toThrow("share");
  });

  test("100 swaps under load fail no request and leave nothing behind", async () => {
    await serve().load("scale", { onnx: scale(1), execution: "inline" });
    const { failed } = await underLoad(async () => {
      for (let factor = 2; factor <= 101; factor++) {
        await server.swap("scale", { onnx: scale(factor), execution: "inline" });
      }
    });
    expect(failed).toEqual([]);
    expect(await ask()).toBe(101);
    expect(server.models()).toMatchObject([{ version: "101" }]);
    expect(server.statistics()["scale"]).toMatchObject({ failures: 0, refused: 0, queued: 0 });
  });
});

describe("scale from zero", () => {
  test("the first requests are held until the model is loaded, once, and none fails", async () => {
    let loads = 0;
    serve().addLazy("scale", {
      load: async () => {
        loads++;
        return { onnx: scale(4) };
      },
      holdLimit: 50,
    });
    expect(server.models()).toEqual([]);
    const held = Array.from({ length: 50 }, () => ask());
    await expect(ask()).rejects.toMatchObject({ code: "INFERENCE_QUEUE_FULL", retryable: true });
    expect(new Set(await Promise.all(held))).toEqual(new Set([4]));
    expect([loads, await ask()]).toEqual([1, 4]);
    expect(() => server.addLazy("scale", { load: async () => ({ onnx: scale(1) }) })).toThrow("already");
  });

  test("requests are held up to a number of bytes, of which one alone may have more", async () => {
    serve().addLazy("scale", { load: async () => ({ onnx: scale(4) }), holdMaxBytes: 20 });
    const large = server.infer("scale", new Float32Array(40));
    const refused = { code: "INFERENCE_QUEUE_FULL", message: expect.stringContaining("holdMaxBytes") as string };
    await expect(ask()).rejects.toMatchObject(refused);
    expect((await large)["y"]?.data.length).toBe(40);
    expect(await ask()).toBe(4);
  });

  test("a deadline and an abort end the wait; a model that does not load fails those that wait, and is tried again", async () => {
    let onnx: Uint8Array = Uint8Array.of(1);
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    serve().addLazy("scale", {
      load: async () => {
        await gate;
        return { onnx };
      },
    });
    const late = server.infer("scale", row, { deadlineMs: 1 });
    await expect(late).rejects.toMatchObject({ code: "INFERENCE_DEADLINE_EXCEEDED" });
    const gone = server.infer("scale", row, { signal: AbortSignal.abort(new Error("gone")) });
    await expect(gone).rejects.toThrow("gone");
    const waiting = ask();
    release();
    await expect(waiting).rejects.toMatchObject({ code: "MODEL_INVALID" });
    onnx = scale(3);
    expect(await ask()).toBe(3);
  });

  test("a model that is unloaded while its file is fetched is not served when the file comes", async () => {
    const { promise: file, resolve: arrive } = Promise.withResolvers<Uint8Array>();
    serve().addLazy("scale", { load: async () => ({ onnx: await file }) });
    const held = ask();
    await server.unload("scale");
    arrive(scale(2));
    await expect(held).rejects.toMatchObject({ code: "MODEL_UNAVAILABLE" });
    expect(server.models()).toEqual([]);
    await expect(ask()).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
  });

  test("requests that wake a model are answered by the one that is loaded by hand meanwhile", async () => {
    const file = Promise.withResolvers<void>();
    const load = async () => file.promise.then(() => ({ onnx: scale(2) }));
    serve().addLazy("scale", { load });
    const held = ask();
    await server.load("scale", { onnx: scale(3) });
    file.resolve();
    expect([await held, await ask()]).toEqual([3, 3]);
  });

  test("probes neither keep a model awake nor wake it", async () => {
    const clock = manualClock();
    serve({ clock }).addLazy("scale", { load: async () => ({ onnx: scale(2) }), idleUnloadMs: 1000 });
    const handler = server.handler();
    const probe = async (path: string) => (await handler(new Request(`http://x/v2/models/scale${path}`))).status;
    expect(await probe("/ready")).toBe(200);
    expect(await probe("/stats")).toBe(200);
    expect(server.models()).toEqual([]);
    expect(await ask()).toBe(2);
    clock.advance(900);
    for (const path of ["", "/ready", "/versions/1/ready", "/stats", "/config"]) expect(await probe(path)).toBe(200);
    clock.advance(100);
    await expect.poll(() => server.models().length, { timeout: 20_000 }).toBe(0);
    expect(await probe("/ready")).toBe(200);
    expect(server.models()).toEqual([]);
    expect(await ask()).toBe(2);
  });

  test("an idle model is put to sleep and woken by the next request", async () => {
    serve().addLazy("scale", { load: async () => ({ onnx: scale(2) }), idleUnloadMs: 20 });
    expect(await ask()).toBe(2);
    await expect.poll(() => server.models().length, { timeout: 20_000 }).toBe(0);
    expect(await ask()).toBe(2);
    await server.unload("scale");
    await expect(ask()).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
  });
});
