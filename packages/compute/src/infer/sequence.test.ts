import { readFile } from "node:fs/promises";

import * as ort from "onnxruntime-node";
import { manualClock } from "@ashlar/core/memory";
import { afterEach, beforeAll, describe, expect, test } from "vitest";

import { createInferenceServer, type InferenceServer, type InferenceServerOptions, type LoadOptions } from "./index.ts";

/** The voice detector that `@ricky0123/vad-web` ships: 512 samples in, the probability of speech out, and a state. */
let onnx: Uint8Array;
beforeAll(async () => {
  onnx = await readFile(new URL("silero_vad_v5.onnx", import.meta.resolve("@ricky0123/vad-web")));
});

let server: InferenceServer;
async function serve(options: InferenceServerOptions = {}, settings: Partial<LoadOptions> = {}): Promise<void> {
  server = createInferenceServer(options);
  await server.load("vad", {
    onnx,
    warmup: false,
    batchAxes: { state: 1, stateN: 1, sr: null },
    sequence: { states: [{ input: "state", output: "stateN" }] },
    ...settings,
  });
}
afterEach(() => server[Symbol.asyncDispose]());

const sr = { data: BigInt64Array.of(16_000n), shape: [] };
/** A tone that begins and ends, of another pitch for each voice. */
function chunk(voice: number, index: number): Float32Array {
  const loud = index % 6 < 3 ? 0.6 : 0.001;
  return Float32Array.from(
    { length: 512 },
    (_, i) => loud * Math.sin((i + 512 * index) * 0.02 * (voice + 1)) * Math.sin(i * 0.003),
  );
}
const ask = async (id: string, input: Float32Array, position: { start?: boolean; end?: boolean } = {}) => {
  const inputs = { input: { data: input, shape: [1, 512] }, sr };
  return Number((await server.infer("vad", inputs, { sequence: { id, ...position } }))["output"]?.data[0]);
};

/** What the model gives when its state is carried by hand. */
async function byHand(voice: number, chunks: number): Promise<number[]> {
  const session = await ort.InferenceSession.create(onnx, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  let state = new ort.Tensor("float32", new Float32Array(256), [2, 1, 128]);
  const probabilities: number[] = [];
  for (let index = 0; index < chunks; index++) {
    const input = new ort.Tensor("float32", chunk(voice, index), [1, 512]);
    const result = await session.run({ input, state, sr: new ort.Tensor("int64", sr.data, []) });
    state = result["stateN"] as ort.TypedTensor<"float32">;
    probabilities.push(Number(result["output"]?.data[0]));
  }
  await session.release();
  return probabilities;
}

describe("sequences of a voice detector", () => {
  test("each carries its own state, and those that speak at once share runs", async () => {
    await serve();
    expect(server.models()).toMatchObject([
      { inputs: [{ name: "input" }, { name: "sr" }], outputs: [{ name: "output" }] },
    ]);
    const voices = [0, 1, 2, 3];
    const heard = voices.map((): number[] => []);
    for (let index = 0; index < 12; index++) {
      const position = { start: index === 0, end: index === 11 };
      const answers = await Promise.all(voices.map((voice) => ask(`voice ${voice}`, chunk(voice, index), position)));
      answers.forEach((answer, voice) => heard[voice]?.push(answer));
    }
    for (const voice of voices) {
      const expected = await byHand(voice, 12);
      for (const [index, probability] of expected.entries()) expect(heard[voice]?.[index]).toBeCloseTo(probability, 4);
    }
    const { requests = 0, batches = 0 } = server.statistics()["vad"] ?? {};
    expect(requests).toBe(48);
    expect(batches).toBeLessThan(36);
  });

  test("requests of one sequence run in the order in which they came, however early", async () => {
    await serve();
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) => ask("one", chunk(1, index), { start: index === 0 })),
    );
    const expected = await byHand(1, 6);
    answers.forEach((answer, index) => expect(answer).toBeCloseTo(expected[index] ?? 0, 4));
  });

  test("a sequence that has not begun, has ended or was forgotten is refused; so is one too many", async () => {
    const clock = manualClock();
    const sequence = { states: [{ input: "state", output: "stateN" }], maxSequences: 1, idleTimeoutMs: 1000 };
    await serve({ clock }, { sequence });
    const invalid = { code: "SEQUENCE_INVALID", status: 400 };
    await expect(ask("a", chunk(0, 0))).rejects.toMatchObject(invalid);
    await ask("a", chunk(0, 0), { start: true });
    await expect(ask("b", chunk(0, 0), { start: true })).rejects.toMatchObject({ code: "SEQUENCE_LIMIT_REACHED" });
    await ask("a", chunk(0, 1), { end: true });
    await expect(ask("a", chunk(0, 2))).rejects.toMatchObject(invalid);
    await ask("b", chunk(0, 0), { start: true });
    clock.advance(1001);
    await ask("c", chunk(0, 0), { start: true });
    await expect(ask("b", chunk(0, 1))).rejects.toMatchObject(invalid);
    const unnamed = server.infer("vad", { input: { data: chunk(0, 0), shape: [1, 512] }, sr });
    await expect(unnamed).rejects.toMatchObject(invalid);
    await ask("c", chunk(0, 1), { end: true });
  });

  test("a sequence ends with the version it began with, while new ones begin with the next", async () => {
    await serve();
    await ask("old", chunk(0, 0), { start: true });
    const swap = server.swap("vad", { onnx });
    await expect.poll(() => server.models()[0]?.version, { timeout: 20_000 }).toBe("2");
    await ask("new", chunk(0, 0), { start: true, end: true });
    const expected = await byHand(0, 2);
    expect(await ask("old", chunk(0, 1), { end: true })).toBeCloseTo(expected[1] ?? 0, 4);
    await swap;
    await expect(ask("old", chunk(0, 2))).rejects.toMatchObject({ code: "SEQUENCE_INVALID" });
  });

  test("a sequence that begins anew after a swap goes on with the new version, and each version has its own", async () => {
    const settings = {
      onnx,
      warmup: false,
      sequence: { states: [{ input: "state", output: "stateN" }] },
      batchAxes: { state: 1, stateN: 1, sr: null },
    };
    await serve();
    await server.load("voice", {
      ensemble: {
        inputs: ["input", "sr"],
        outputs: ["p"],
        steps: [{ model: "vad", inputs: { input: "input", sr: "sr" }, outputs: { output: "p" } }],
      },
    });
    const askEnsemble = async (index: number, position: { start?: boolean; end?: boolean }) => {
      const inputs = { input: { data: chunk(2, index), shape: [1, 512] }, sr };
      return Number((await server.infer("voice", inputs, { sequence: { id: "e", ...position } }))["p"]?.data[0]);
    };
    await ask("a", chunk(0, 0), { start: true });
    await askEnsemble(0, { start: true });
    const swap = server.swap("vad", settings);
    await expect.poll(() => server.models()[0]?.version, { timeout: 20_000 }).toBe("2");
    // The client has lost its connection and begins again, with another recording.
    await ask("a", chunk(1, 0), { start: true });
    const other = await byHand(1, 3);
    expect(await ask("a", chunk(1, 1))).toBeCloseTo(other[1] ?? 0, 4);

    expect(await askEnsemble(1, { end: true })).toBeCloseTo((await byHand(2, 2))[1] ?? 0, 4);
    const first = await byHand(0, 2);
    const named = { sequence: { id: "a", end: true }, version: "1" };
    const answer = await server.infer("vad", { input: { data: chunk(0, 1), shape: [1, 512] }, sr }, named);
    expect(Number(answer["output"]?.data[0])).toBeCloseTo(first[1] ?? 0, 4);
    expect(await ask("a", chunk(1, 2), { end: true })).toBeCloseTo(other[2] ?? 0, 4);
    await swap;
  });

  test("a deadline and an abort end the wait for a turn, and leave the state as it was", async () => {
    const clock = manualClock();
    await serve({ clock }, { batching: { maxDelayMs: 1000 } });
    const first = ask("a", chunk(0, 0), { start: true });
    const [deadlineMs, abort] = [10, new AbortController()];
    const inputs = { input: { data: chunk(0, 3), shape: [1, 512] }, sr };
    const late = server.infer("vad", inputs, { sequence: { id: "a" }, deadlineMs });
    const taken = server.infer("vad", inputs, { sequence: { id: "a" }, signal: abort.signal });
    const last = ask("a", chunk(0, 1), { end: true });
    abort.abort(new Error("not needed"));
    await expect(taken).rejects.toThrow("not needed");
    clock.advance(10);
    await expect(late).rejects.toMatchObject({ code: "INFERENCE_DEADLINE_EXCEEDED" });
    const answers: number[] = [];
    void Promise.all([first, last]).then((both) => answers.push(...both));
    await expect.poll(() => (clock.advance(1000), answers.length), { timeout: 20_000 }).toBe(2);
    const expected = await byHand(0, 2);
    for (const [index, probability] of expected.entries()) expect(answers[index]).toBeCloseTo(probability, 4);
  });

  test("a request that begins a sequence anew can be taken back while that before it is answered", async () => {
    const clock = manualClock();
    await serve({ clock }, { batching: { maxDelayMs: 1000 } });
    const first = ask("a", chunk(0, 0), { start: true });
    const abort = new AbortController();
    const inputs = { input: { data: chunk(0, 1), shape: [1, 512] }, sr };
    const anew = server.infer("vad", inputs, { sequence: { id: "a", start: true }, signal: abort.signal });
    abort.abort(new Error("not needed"));
    await expect(anew).rejects.toThrow("not needed");
    let answer = 0;
    void first.then((probability) => (answer = probability));
    await expect.poll(() => (clock.advance(1000), answer), { timeout: 20_000 }).not.toBe(0);
    expect(answer).toBeCloseTo((await byHand(0, 1))[0] ?? 0, 4);
  });

  test("unloading answers what has come, and does not wait for sequences that nobody can go on with", async () => {
    await serve({}, { sequence: { states: [{ input: "state", output: "stateN" }], idleTimeoutMs: 1e9 } });
    await ask("a", chunk(0, 0), { start: true });
    const accepted = ask("a", chunk(0, 1));
    await server.unload("vad");
    expect(await accepted).toBeCloseTo((await byHand(0, 2))[1] ?? 0, 4);
    await expect(ask("a", chunk(0, 2))).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
  });

  test("a model that idles is not put to sleep before its sequences have ended", async () => {
    const clock = manualClock();
    server = createInferenceServer({ clock });
    const sequence = { states: [{ input: "state", output: "stateN" }] };
    server.addLazy("vad", { load: async () => ({ onnx, warmup: false, sequence }), idleUnloadMs: 1000 });
    const turns = async () => {
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    };
    await ask("a", chunk(0, 0), { start: true });
    await turns();
    clock.advance(1500);
    await turns();
    expect(await ask("a", chunk(0, 1), { end: true })).toBeCloseTo((await byHand(0, 2))[1] ?? 0, 4);
    await turns();
    clock.advance(1500);
    await expect.poll(() => (clock.advance(100), server.models().length), { timeout: 20_000 }).toBe(0);
  });

  test("states that the model does not have are refused", async () => {
    server = createInferenceServer();
    const load = (settings: Partial<LoadOptions>) => server.load("vad", { onnx, warmup: false, ...settings });
    const states = (input: string, output: string) => ({ sequence: { states: [{ input, output }] } });
    await expect(load(states("nothing", "stateN"))).rejects.toThrow('"nothing"');
    await expect(load(states("sr", "stateN"))).rejects.toThrow("of one type");
    await expect(load({ batchAxes: { absent: 0 } })).rejects.toThrow('"absent"');
    await expect(load({ batchAxes: { input: 2 } })).rejects.toThrow("2 axes");
    await expect(load({ batchAxes: { output: null } })).rejects.toThrow("outputs are cut");
    expect(server.models()).toEqual([]);
  });
});
