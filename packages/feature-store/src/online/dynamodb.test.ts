import { expect, it } from "vitest";
import { dynamodb } from "./dynamodb.ts";

it("refuses a vector that no item holds before it writes any of the batch", async () => {
  const sent: object[] = [];
  const client = { send: async (command: object) => sent.push(command) };
  const store = dynamodb({ client, table: "online" });
  const entries = [10, 500_000].map((size) => ({ key: Buffer.from(`${size}`), vector: Buffer.alloc(size) }));
  const refused = { code: "ONLINE_STORE_REFUSED", retryable: false, details: { store: "DynamoDB" } };
  await expect(store.write("v@1", entries)).rejects.toMatchObject(refused);
  expect(sent).toEqual([]);
});
