import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface ThrottlingProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Requests that came, by what became of them. */
  readonly counts: { passed: number; throttled: number; halved: number };
  /** Answers the next requests as a table does whose capacity is used up. */
  throttleNext(requests: number): void;
  /** Of the next batches of reads or writes does the first half, and leaves the rest undone. */
  halveNext(batches: number): void;
}

/** The part of a batch for one table: keys to get, or requests to write. */
type Batch = { readonly Keys: readonly unknown[] } | readonly unknown[];

/** A proxy on the loopback that throttles as DynamoDB does, by its documentation: moto has no limits of capacity. */
export async function startThrottlingProxy(target: string): Promise<ThrottlingProxy> {
  const counts = { passed: 0, throttled: 0, halved: 0 };
  let [throttling, halving] = [0, 0];

  async function answerTo(incoming: IncomingMessage, body: string): Promise<{ status: number; body: string }> {
    if (throttling > 0) {
      throttling--;
      counts.throttled++;
      return { status: 400, body: capacityExceeded };
    }
    const operation = String(incoming.headers["x-amz-target"]).split(".")[1];
    if (halving > 0 && (operation === "BatchGetItem" || operation === "BatchWriteItem")) {
      halving--;
      counts.halved++;
      const asked = JSON.parse(body) as { RequestItems: Record<string, Batch> };
      const entries = Object.entries(asked.RequestItems);
      const part = (half: (items: readonly unknown[]) => readonly unknown[]): Record<string, Batch> =>
        Object.fromEntries(
          entries.map(([table, batch]) => [
            table,
            "Keys" in batch ? { ...batch, Keys: half(batch.Keys) } : half(batch as readonly unknown[]),
          ]),
        );
      const done = part((items) => items.slice(0, Math.ceil(items.length / 2)));
      const left = part((items) => items.slice(Math.ceil(items.length / 2)));
      const { status, body: answer } = await pass(incoming, JSON.stringify({ ...asked, RequestItems: done }));
      const field = operation === "BatchGetItem" ? "UnprocessedKeys" : "UnprocessedItems";
      return { status, body: JSON.stringify({ ...(JSON.parse(answer) as object), [field]: left }) };
    }
    counts.passed++;
    return await pass(incoming, body);
  }

  async function pass(incoming: IncomingMessage, body: string): Promise<{ status: number; body: string }> {
    const headers = Object.fromEntries(
      Object.entries(incoming.headers).filter(([name]) => /^(x-amz-|authorization|content-type)/.test(name)),
    ) as Record<string, string>;
    const response = await fetch(target, { method: "POST", headers, body });
    return { status: response.status, body: await response.text() };
  }

  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const { status, body } = await answerTo(incoming, Buffer.concat(chunks).toString());
      outgoing.writeHead(status, { "content-type": "application/x-amz-json-1.0" }).end(body);
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    throttleNext: (requests) => void (throttling = requests),
    halveNext: (batches) => void (halving = batches),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const capacityExceeded = JSON.stringify({
  __type: "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
  message:
    "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.",
});
