import { once } from "node:events";
import { Worker } from "node:worker_threads";

import { expect, test } from "vitest";

import { SenderMailbox } from "./mailbox.ts";

const spec = { name: "t", type: "float32" as const, shape: [null] };
const signature = { inputs: [spec], outputs: [spec], batchable: true };

async function echo(): Promise<{ mailbox: SenderMailbox; thread: Worker }> {
  const mailbox = new SenderMailbox();
  mailbox.open(signature);
  const workerData = { memory: mailbox.memory, signature };
  const thread = new Worker(new URL("../../test/echo-thread.ts", import.meta.url), { workerData });
  await once(thread, "message");
  return { mailbox, thread };
}

test("no wake-up is lost in either direction, however the turns of the two fall", async () => {
  const { mailbox, thread } = await echo();
  let lost = 0;
  for (let round = 0; round < 20_000; round++) {
    const length = 1 + (round % 50);
    await mailbox.send([{ data: new Float32Array(length).fill(round), shape: [length] }]);
    const result = mailbox.receive();
    const whole = result?.outputs[0]?.data.length === length && result.outputs[0].data[length - 1] === round;
    if (!whole || result.computeMicros !== round || mailbox.receive() !== null) lost++;
    // The thread comes to sleep before the next batch, or does not.
    if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(lost).toBe(0);
  // A ring with nothing behind it is no harm.
  mailbox.ring();
  await mailbox.send([{ data: Float32Array.of(7), shape: [1] }]);
  expect(mailbox.receive()?.computeMicros).toBe(7);
  await thread.terminate();
});

test("a thread that waits can be ended, and a wait for a thread that is gone too", async () => {
  const { mailbox, thread } = await echo();
  await mailbox.send([{ data: Float32Array.of(1), shape: [1] }]);
  const ended = once(thread, "exit");
  await thread.terminate();
  await ended;
  mailbox.receive();
  const answer = mailbox.send([{ data: Float32Array.of(2), shape: [1] }]);
  mailbox.giveUp();
  await answer;
  expect(mailbox.receive()).toBeNull();
});
