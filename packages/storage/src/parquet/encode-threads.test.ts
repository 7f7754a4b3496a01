import { execFile } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { toBytes } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import type { RecordBatch } from "apache-arrow";
import { afterAll, expect, it } from "vitest";
import { openLake } from "../lake/index.ts";
import { readColumns } from "../testing/parquet-codec.ts";
import { batchFrom, type PlainColumns } from "./batch-from.ts";
import { ByteSink } from "./byte-sink.ts";
import type { Value } from "./column-type.ts";
import { EncodeThreads, type EncodeThreadsOptions } from "./encode-threads.ts";
import { FlatWriter } from "./flat-write.ts";
import { hyparquet } from "./hyparquet.ts";
import type { ParquetCodec } from "./port.ts";

const started: EncodeThreads[] = [];
afterAll(() => Promise.all(started.map((threads) => threads[Symbol.asyncDispose]())));

async function threads(options: Partial<EncodeThreadsOptions> = {}): Promise<EncodeThreads> {
  const { count = 1 } = options;
  const made = new EncodeThreads({ count, codec: "test", startAfter: 1, ...options });
  started.push(made);
  made.encodedWithout(1);
  for (let tries = 0; tries < 1000 && made.ready < count; tries++) await setTimeout(10);
  expect(made.ready).toBe(count);
  return made;
}

/** A thread that is ready, and does this with a task. */
const threadThat = (does: string): URL =>
  new URL(
    `data:text/javascript,import { parentPort } from "node:worker_threads";
    parentPort.on("message", (task) => { ${does} });
    parentPort.postMessage({ id: -1, ready: true });`,
  );

const rows = 20_000;
const values = (of: (row: number) => Value | null): (Value | null)[] =>
  Array.from({ length: rows }, (_, row) => of(row));
const columns: PlainColumns = {
  boolean: ["boolean", values((row) => (row % 5 === 0 ? null : row % 3 === 0))],
  byte: ["byte", values((row) => (row % 256) - 128)],
  short: ["short", values((row) => (row % 7 === 0 ? null : (row % 65_536) - 32_768))],
  integer: ["integer", values((row) => (row * 7919) | 0)],
  long: ["long", values((row) => BigInt(row) * 1_234_567_890_123n - 2n ** 62n)],
  float: ["float", values((row) => (row % 11 === 0 ? -0 : row / 2))],
  double: ["double", values((row) => (row % 1000 === 999 ? Number.NaN : row / 3))],
  date: ["date", values((row) => row - 10_000)],
  timestamp: ["timestamp", values((row) => BigInt(row) * -86_400_000_001n)],
  small: ["decimal(9,2)", values((row) => BigInt(row - 10_000))],
  wide: ["decimal(38,10)", values((row) => (row % 2 === 0 ? -(10n ** 37n) : 10n ** 37n) + BigInt(row))],
  few: ["string", values((row) => (row % 4 === 0 ? null : (["ü", "", "a longer one"][row % 3] as string)))],
  many: ["string", values((row) => `text ${row}`)],
  bytes: ["binary", values((row) => Uint8Array.of(row & 255, row >> 8))],
  nulls: ["long", values(() => null)],
};

const pieces = (batch: RecordBatch): RecordBatch[] =>
  [0, 13, 7001, 12_345].map((start, index, all) => batch.slice(start, all[index + 1] ?? rows) as RecordBatch);

interface Written {
  readonly found: Readonly<Record<string, readonly unknown[]>>;
  readonly told: unknown;
}

async function written(beside: EncodeThreads | undefined, parts: readonly RecordBatch[]): Promise<Written> {
  const { schema } = parts[0] as RecordBatch;
  const options = { schema, compression: "zstd", sink: new ByteSink(), codec: "test", threads: beside } as const;
  await using writer = new FlatWriter(options);
  for (const part of parts) await writer.write(part);
  const { body, columns: told } = await writer.finish();
  return { found: await readColumns(hyparquet(), await toBytes(body)), told };
}

it.each([1, 3])("keeps every bit of every column, by %i threads, and tells the same bounds", async (count) => {
  const parts = pieces(batchFrom(columns));
  const { found, told } = await written(await threads({ count }), parts);
  for (const [name, [, given]] of Object.entries(columns)) expect(found[name], name).toEqual(given);
  expect(told).toEqual((await written(undefined, parts)).told);
});

it("encodes row groups of several files at once, each with its own rows", async () => {
  const beside = await threads();
  const files = [1n, 2n, 3n].map(
    (file) => ({ n: ["long", values((row) => BigInt(row) * file)] }) satisfies PlainColumns,
  );
  const wide = files.map((file) => ({ ...file, m: file.n, o: file.n }));
  const found = await Promise.all(wide.map((file) => written(beside, pieces(batchFrom(file)))));
  for (const [index, file] of wide.entries()) expect(found[index]?.found["o"]).toEqual(file.o[1]);
});

it("copies what it was given: its owner may use the memory again", async () => {
  const beside = await threads();
  const batch = batchFrom(columns);
  const options = { schema: batch.schema, compression: "none", sink: new ByteSink(), codec: "test" } as const;
  await using writer = new FlatWriter({ ...options, threads: beside });
  await writer.write(batch);
  for (const { buffers } of batch.data.children) {
    for (const buffer of Object.values(buffers) as (ArrayBufferView | undefined)[]) {
      if (buffer !== undefined) new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength).fill(1);
    }
  }
  const found = await readColumns(hyparquet(), await toBytes((await writer.finish()).body));
  for (const [name, [, given]] of Object.entries(columns)) expect(found[name], name).toEqual(given);
});

it("goes on by itself where the memory of the threads is full", async () => {
  const beside = await threads({ memory: 300_000 });
  const { found } = await written(beside, pieces(batchFrom(columns)));
  for (const [name, [, given]] of Object.entries(columns)) expect(found[name], name).toEqual(given);
  // All of it has been given back.
  expect(beside.memory.take(200_000)).toBeDefined();
});

it("refuses text that is not UTF-8 before it goes to a thread", async () => {
  const batch = batchFrom({ a: ["string", values(() => "ab")], b: ["string", values(() => "cd")] });
  const bytes = batch.data.children[1]?.values as Uint8Array;
  bytes[777] = 0xff;
  await expect(written(await threads(), [batch])).rejects.toMatchObject({
    code: "CODEC_REFUSED",
    details: { what: 'text that is not UTF-8, in the column "b"' },
  });
});

it.each([
  ["ends", "process.exit(3)", "a thread ended with code 3"],
  ["throws", 'throw new Error("no more")', "Error: no more"],
  ["says no", 'parentPort.postMessage({ id: task.id, problem: "RangeError: too long" })', "RangeError: too long"],
])("names a thread that %s, commits nothing, and goes on without", async (_, does, reason) => {
  const beside = await threads({ entry: threadThat(does) });
  const codec: ParquetCodec = {
    ...hyparquet(),
    create: async (schema, { compression = "zstd" } = {}) =>
      new FlatWriter({ schema, compression, sink: new ByteSink(), codec: "test", threads: beside }),
  };
  const objects = memoryObjectStore();
  const table = await openLake({ objects, codec }).table("t");
  const rowsOf = batchFrom(columns);
  await expect(table.append(rowsOf)).rejects.toMatchObject({
    code: "CODEC_FAILED",
    retryable: true,
    details: { codec: "test", reason },
  });
  for await (const { key } of objects.list("")) expect.fail(`${key} was left`);
  // One that said no is still there, and would again.
  expect(beside.ready).toBe(does.includes("problem") ? 1 : 0);
  await beside[Symbol.asyncDispose]();
  await expect(table.append(rowsOf)).resolves.toMatchObject({ rows });
});

it.each(["data:text/javascript,throw 1", "http://localhost/no-file"])(
  "is without threads where they cannot start: %s",
  async (entry) => {
    const beside = new EncodeThreads({ count: 1, codec: "test", startAfter: 1, entry: new URL(entry) });
    started.push(beside);
    const parts = pieces(batchFrom({ n: columns["long"], s: columns["many"] } as PlainColumns));
    for (let file = 0; file < 3; file++)
      expect((await written(beside, parts)).found["s"]).toEqual(columns["many"]?.[1]);
    expect(beside.ready).toBe(0);
  },
);

it("keeps no process alive that does not close its codec", async () => {
  const script = fileURLToPath(new URL("../../test/encode-and-leave.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@ashlar/source", script], {
    timeout: 30_000,
  });
  expect(stdout).toBe("ready 1, rows 40000\n");
});
