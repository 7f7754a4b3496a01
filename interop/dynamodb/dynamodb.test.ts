import { CreateTableCommand, DynamoDBClient, type ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { dynamodb, type DynamoDbClient, dynamodbTable } from "@ashlar/feature-store/dynamodb";
import { describeOnlineStore } from "@ashlar/feature-store/testing";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { isThere, type Moto, startMoto } from "../moto.ts";
import { onlineEntries } from "../online-entries.ts";
import { startCuttingProxy } from "../s3/cutting-proxy.ts";

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
