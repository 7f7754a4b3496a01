import { parentPort } from "node:worker_threads";
import type { ColumnType } from "./column-type.ts";
import { compressChunk, type EncodedChunk } from "./encoded-chunk.ts";
import type { EncodeAnswer, EncodeTask } from "./encode-threads.ts";
import { FlatColumn } from "./flat-column.ts";
import { type ColumnBuffers, columnOfBuffers } from "./gathered-column.ts";
import type { Compression } from "./port.ts";
import { RunEncoder } from "./run-lengths.ts";

/** By type: what one column took of memory the next uses again. */
const columnsOfTypes = new Map<ColumnType, FlatColumn>();
const runs = new RunEncoder();

/** Encodes and compresses columns, one after the other. */
function answerTo({ id, columns, compression }: EncodeTask): EncodeAnswer {
  try {
    return { id, chunks: columns.map((buffers) => encode(buffers, compression)) };
  } catch (error) {
    return { id, problem: String(error) };
  }
}

function encode(buffers: ColumnBuffers, compression: Compression): EncodedChunk {
  const { type } = buffers;
  const column = columnsOfTypes.get(type) ?? new FlatColumn(type, "", runs);
  // One that fails is not used again.
  columnsOfTypes.delete(type);
  column.append(columnOfBuffers(buffers));
  const chunk = compressChunk(column.encode(), compression);
  columnsOfTypes.set(type, column);
  return chunk;
}

const send = (answer: EncodeAnswer, memory: readonly ArrayBuffer[] = []): void =>
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.postMessage(answer, memory);

parentPort?.on("message", (task: EncodeTask) => {
  const answer = answerTo(task);
  const pages = "chunks" in answer ? answer.chunks.flatMap((chunk) => chunk.pages) : [];
  send(
    answer,
    pages.map(({ bytes }) => bytes.buffer),
  );
});
send({ id: -1, ready: true });
