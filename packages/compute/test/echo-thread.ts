import { parentPort, workerData } from "node:worker_threads";

import { ReceiverMailbox } from "../src/infer/mailbox.ts";
import type { ModelSignature } from "../src/infer/signature.ts";

/** Gives each batch back through the mailbox. */
const { memory, signature } = workerData as { readonly memory: SharedArrayBuffer; readonly signature: ModelSignature };
const mailbox = new ReceiverMailbox(memory);
mailbox.open(signature);
parentPort?.postMessage("ready", []);
for (;;) {
  const { sent } = mailbox;
  if (mailbox.isFull) {
    const inputs = mailbox.receive();
    const outputs = inputs.map(({ data, shape }) => ({ type: "float32" as const, data, shape }));
    mailbox.answer({ outputs, computeMicros: Number(inputs[0]?.data[0]) });
  } else mailbox.sleep(sent);
}
