import { strictEqual } from "node:assert";
import { CreateMultipartUploadCommand, GetObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { memoryKeyProvider } from "@ashlar/core/memory";
import { createEnvelope } from "@ashlar/security";
import { encrypted } from "@ashlar/storage";
import { s3, type S3Client } from "@ashlar/storage/s3";

// Usage: node streams-child.ts BYTES. Puts and gets a stream of so many bytes through `encrypted` over `s3`, whose bucket keeps
// nothing, and prints the growth of memory at its peak.

const size = Number(process.argv[2]);
const chunk = new Uint8Array(256 * 1024).fill(7);
const cipher = createEnvelope({ keys: memoryKeyProvider() });

function generated(): ReadableStream<Uint8Array> {
  let left = size;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    if (left === 0) return controller.close();
    const length = Math.min(chunk.byteLength, left);
    left -= length;
    controller.enqueue(chunk.slice(0, length));
  };
  return new ReadableStream({ pull }, { highWaterMark: 0 });
}

let taken = 0;
/** Counts what it is sent, and answers a read with as many bytes, encrypted anew. */
const bucket: S3Client = {
  async send(command) {
    const ETag = '"nothing"';
    if (command instanceof CreateMultipartUploadCommand) return { UploadId: "1" };
    if (command instanceof UploadPartCommand) taken += (command.input.Body as Uint8Array).byteLength;
    if (!(command instanceof GetObjectCommand)) return { ETag };
    const Body = { transformToWebStream: () => cipher.encrypt(generated(), { context: { key: "k" } }) };
    return { ETag, ContentLength: taken, LastModified: new Date(), Body };
  },
};

const store = encrypted(s3({ client: bucket, bucket: "b" }), { cipher });
const megabytes = (bytes: number): number => Math.round(bytes / 1e5) / 10;
const before = process.memoryUsage.rss();
await store.put("k", generated());
let given = 0;
for await (const part of (await store.get("k")).stream()) given += part.byteLength;
strictEqual(given, size);
process.stdout.write(JSON.stringify({ grownBy: megabytes(process.resourceUsage().maxRSS * 1024 - before) }));
