import { CreateTableCommand, DynamoDBClient, type ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { dynamodb, type DynamoDbClient, dynamodbTable } from "@ashlar/feature-store/dynamodb";
import { describeOnlineStore } from "@ashlar/feature-store/testing";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { isThere, type Moto, startMoto } from "../moto.ts";
import { onlineEntries } from "../online-entries.ts";
import { startCuttingProxy } from "../s3/cutting-proxy.ts";
import { startThrottlingProxy } from "./throttling-proxy.ts";

const ci = process.env["CI"] !== undefined;
let tables = 0;

function clientOf(endpoint: string, maxAttempts = 3): DynamoDBClient {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return new DynamoDBClient({ endpoint, region: "eu-west-1", credentials, maxAttempts });
}

describe.skipIf(!isThere && !ci)(`DynamoDB (moto: ${isThere ? "found" : "missing"})`, () => {
  let moto: Moto;
  let client: DynamoDBClient;

  beforeAll(async () => {
    moto = await startMoto();
    client = clientOf(moto.endpoint);
  });
  afterAll(async () => {
    client?.destroy();
    await moto?.[Symbol.asyncDispose]();
  });

  async function table(): Promise<string> {
    const name = `online-${++tables}`;
    await client.send(new CreateTableCommand(dynamodbTable(name)));
    return name;
  }

  describeOnlineStore("dynamodb", { create: async () => dynamodb({ client, table: await table() }) });

  it("takes the client of the SDK as it is", () => {
    expectTypeOf<DynamoDBClient>().toExtend<DynamoDbClient>();
  });

  it("names a connection that is cut in mid-batch, and a repeat writes the rest", async () => {
    await using proxy = await startCuttingProxy(moto.endpoint);
    const name = await table();
    const cut = clientOf(proxy.endpoint, 1);
    onTestFinished(() => cut.destroy());
    const store = dynamodb({ client: cut, table: name });
    const entries = onlineEntries(200, 1);
    proxy.cutAfter(100);
    const failed = { code: "ONLINE_STORE_UNAVAILABLE", retryable: true, details: { store: "DynamoDB" } };
    await expect(store.write("v@1", entries, { watermark: 5 })).rejects.toMatchObject(failed);
    const direct = dynamodb({ client, table: name });
    expect(await direct.watermark("v@1")).toBeUndefined();
    await store.write("v@1", entries, { watermark: 5 });
    const { vectors, watermark } = await direct.read(
      "v@1",
      entries.map(({ key }) => key),
    );
    expect([watermark, vectors.filter((vector) => vector === undefined)]).toEqual([5, []]);
  });

  it("asks again for what the service left undone, and names what it never does", async () => {
    let refusals = 3;
    const busy: DynamoDbClient = {
      async send(command) {
        const { RequestItems } = (command as { input: { RequestItems?: object } }).input;
        if (RequestItems === undefined || refusals-- <= 0) return await client.send(command as ListTablesCommand);
        return { Responses: {}, UnprocessedKeys: RequestItems };
      },
    };
    const store = dynamodb({ client: busy, table: await table() });
    const entries = onlineEntries(150, 1);
    await store.write("v@1", entries);
    const keys = entries.map(({ key }) => key);
    const { vectors } = await store.read("v@1", keys);
    expect(vectors.filter((vector) => vector === undefined)).toEqual([]);
    refusals = Infinity;
    await expect(store.read("v@1", keys)).rejects.toMatchObject({ code: "ONLINE_STORE_UNAVAILABLE" });
  });

  it("waits for a table whose capacity is used up, and loses nothing", async () => {
    await using proxy = await startThrottlingProxy(moto.endpoint);
    // The client does not try again: what is seen is what the store does.
    const throttled = clientOf(proxy.endpoint, 1);
    onTestFinished(() => throttled.destroy());
    const store = dynamodb({ client: throttled, table: await table() });
    const entries = onlineEntries(120, 1);
    const keys = entries.map(({ key }) => key);
    proxy.throttleNext(60);
    await store.write("v@1", entries, { watermark: 5 });
    expect(proxy.counts).toMatchObject({ throttled: 60, passed: 121 });
    proxy.throttleNext(3);
    proxy.halveNext(4);
    const { vectors, watermark } = await store.read("v@1", keys);
    expect(watermark).toBe(5);
    expect(vectors.map((vector) => vector && Buffer.from(vector))).toEqual(entries.map(({ vector }) => vector));
    expect(proxy.counts).toMatchObject({ throttled: 63, halved: 4 });
    proxy.halveNext(10);
    await store.clear("v@1");
    expect((await store.read("v@1", keys)).vectors.every((vector) => vector === undefined)).toBe(true);
    expect(proxy.counts.halved).toBe(14);
  });

  it("names a table whose capacity does not suffice, after a bounded number of tries", async () => {
    await using proxy = await startThrottlingProxy(moto.endpoint);
    const throttled = clientOf(proxy.endpoint, 1);
    onTestFinished(() => throttled.destroy());
    const store = dynamodb({ client: throttled, table: await table() });
    proxy.throttleNext(Infinity);
    const [entry] = onlineEntries(1, 1);
    const failed = expect.objectContaining({
      code: "ONLINE_STORE_UNAVAILABLE",
      retryable: true,
      details: {
        store: "DynamoDB",
        operation: "write",
        reason: expect.stringContaining("ProvisionedThroughputExceededException"),
      },
    });
    await expect(store.write("v@1", [entry!])).rejects.toEqual(failed);
    expect(proxy.counts).toEqual({ throttled: 8, passed: 0, halved: 0 });
    proxy.throttleNext(0);
    await store.write("v@1", [entry!]);
    expect((await store.read("v@1", [entry!.key])).vectors).toHaveLength(1);
  });

  it("names a table that is not there, and a vector that no item holds", async () => {
    const nowhere = dynamodb({ client, table: "no-such-table" });
    const refused = { code: "ONLINE_STORE_REFUSED", retryable: false };
    await expect(nowhere.watermark("v@1")).rejects.toMatchObject(refused);
    const store = dynamodb({ client, table: await table() });
    const huge = { key: Buffer.from("huge"), vector: Buffer.alloc(500_000) };
    const [small] = onlineEntries(1, 1);
    await expect(store.write("v@1", [small!, huge])).rejects.toMatchObject(refused);
    expect((await store.read("v@1", [small!.key])).vectors).toEqual([undefined]);
    await store[Symbol.asyncDispose]();
    await expect(store.watermark("v@1")).rejects.toMatchObject({ code: "CLOSED" });
  });
});
