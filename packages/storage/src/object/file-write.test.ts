import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeBody } from "./file-write.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ashlar-write-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Chunk number `n` is filled with `n`. */
function numbered(sizes: readonly number[], type?: "bytes"): ReadableStream<Uint8Array> {
  let next = 0;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array> | ReadableByteStreamController): void => {
    if (next < sizes.length) return controller.enqueue(new Uint8Array(sizes[next] ?? 0).fill(next++));
    controller.close();
    if ("byobRequest" in controller) controller.byobRequest?.respond(0);
  };
  return type === undefined ? new ReadableStream({ pull }, { highWaterMark: 0 }) : new ReadableStream({ type, pull });
}

const mebibyte = 1024 * 1024;

it.each([
  ["a stream", undefined],
  ["a byte stream", "bytes"],
] as const)("writes %s whole and in order, also one that goes to the disk meanwhile", async (_, type) => {
  const path = join(folder, `whole-${type}`);
  const sizes = [...Array.from({ length: 60 }, (_, n) => (n % 7) * 100_001 + 1), 20 * mebibyte, 3, 17 * mebibyte, 1];
  await using file = await open(path, "wx");
  await writeBody(file, numbered(sizes, type));
  const written = await readFile(path);
  expect(written.byteLength).toBe(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const [n, size] of sizes.entries()) {
    expect(written.subarray(at, at + size).every((byte) => byte === n)).toBe(true);
    at += size;
  }
});

it("fails with a write that fails, whatever the body does, and lets go of the body", async () => {
  const path = join(folder, "read-only");
  await writeFile(path, "");
  await using file = await open(path, "r");
  let cancelled: unknown;
  const silent = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(10)),
    cancel: (reason) => void (cancelled = reason),
  });
  await expect(writeBody(file, silent)).rejects.toMatchObject({ code: "EBADF" });
  expect(cancelled).toMatchObject({ code: "EBADF" });
  await expect(writeBody(file, numbered([10, 10]))).rejects.toMatchObject({ code: "EBADF" });
});

it("fails with the body, and with the signal", async () => {
  await using file = await open(join(folder, "failing"), "wx");
  const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("gone")) });
  await expect(writeBody(file, broken)).rejects.toThrow("gone");
  const stop = new AbortController();
  const stopped = writeBody(file, new ReadableStream<Uint8Array>(), stop.signal);
  stop.abort(new Error("enough"));
  await expect(stopped).rejects.toThrow("enough");
});
