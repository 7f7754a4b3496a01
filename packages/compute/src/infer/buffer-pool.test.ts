import { expect, test } from "vitest";
import { BufferPool } from "./buffer-pool.ts";

test("a buffer that was given back is used again, for any length of its size", () => {
  const pool = new BufferPool();
  const first = pool.take(100_000);
  expect(first.byteLength).toBe(131_072);
  pool.give(first);
  expect(pool.bytes).toBe(131_072);
  expect(pool.take(70_000)).toBe(first);
  expect(pool.bytes).toBe(0);
  expect(pool.take(70_000)).not.toBe(first);
});

test("no more is kept than the bound, and the rest is freed at once", () => {
  const pool = new BufferPool(300_000);
  const buffers = [pool.take(131_072), pool.take(131_072), pool.take(131_072)];
  for (const buffer of buffers) pool.give(buffer);
  expect(pool.bytes).toBe(262_144);
  expect(buffers.map((buffer) => buffer.detached)).toEqual([false, false, true]);
});

test("small buffers, those that were transferred and those of another size are not kept", () => {
  const pool = new BufferPool();
  const transferred = pool.take(32_768);
  structuredClone(transferred, { transfer: [transferred] });
  const odd = new ArrayBuffer(40_000);
  for (const buffer of [transferred, odd, new ArrayBuffer(100)]) pool.give(buffer);
  expect(pool.bytes).toBe(0);
  expect(odd.detached).toBe(true);
});

test("bytes are owned when their buffer holds nothing else, or is of the pool", () => {
  const pool = new BufferPool();
  const shared = new Uint8Array(10);
  expect(pool.owns(shared)).toBe(true);
  expect(pool.owns(shared.subarray(2))).toBe(false);
  expect(pool.owns(new Uint8Array(pool.take(20_000), 0, 20_000))).toBe(true);
});
