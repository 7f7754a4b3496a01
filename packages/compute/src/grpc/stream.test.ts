import { Duplex } from "node:stream";

import { expect, test } from "vitest";

import { serveStream, type StreamCall } from "./stream.ts";

test("a client that does not read its answers is not read from for long, and gets them all when it does", async () => {
  const requests = 1000;
  const written: unknown[] = [];
  let sent = 0;
  let held: (() => void) | null = null;
  let reads = false;
  const call = new Duplex({
    objectMode: true,
    read() {
      this.push(sent < requests ? { id: String(sent++) } : null);
    },
    write(message, _encoding, done) {
      written.push(message);
      if (reads) setImmediate(done);
      else held = done;
    },
  });
  let asked = 0;
  serveStream(call as StreamCall, async ({ id }) => {
    asked++;
    return { id };
  });
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toBeLessThan(200);
  reads = true;
  (held as (() => void) | null)?.();
  await new Promise((resolve) => call.on("finish", resolve));
  expect(written.length).toBe(requests);
});
