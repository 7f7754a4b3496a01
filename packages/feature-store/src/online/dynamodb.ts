import { setTimeout as sleep } from "node:timers/promises";
import { isAshlarError } from "@ashlar/core";
import { featureStoreError } from "../errors.ts";
import { type DynamoDbItem, dynamoDbItems } from "./dynamodb-items.ts";
import { inLanes } from "./in-lanes.ts";
import { loadLibrary } from "./load.ts";
import { keyId, latestPerKey, type OnlineStore, stampRange } from "./port.ts";

export { dynamodbTable, type DynamoDbTable } from "./dynamodb-items.ts";

/** What is needed of the `DynamoDBClient` of `@aws-sdk/client-dynamodb`, which has retries of its own. */
export interface DynamoDbClient {
  send(command: object): Promise<unknown>;
}

export interface DynamoDbOptions {
  /** Stays the caller's. */
  readonly client: DynamoDbClient;
  /** A table made as {@link dynamodbTable} says. Several stores may share it only under different namespaces. */
  readonly table: string;
  /** False: reads cost half, and may miss the last write for a moment. @default true */
  readonly consistentRead?: boolean;
}

const lanes = 32;
const keysPerGet = 100;
const keysPerDelete = 25;
const tries = 8;

/** Before the next try: longer each time, and by chance, so that those who were refused together do not come together again. */
const pause = (attempt: number): Promise<void> => sleep(Math.random() * Math.min(2_000, 25 * 2 ** attempt));

/**
 * An online store in a DynamoDB table. Every vector is an item of its own, written under the condition that its stamp is
 * not lower; the watermark is written last. Vectors written with `keepMs` are not read once it is over, and the service
 * deletes them when the table's time to live is switched on for `expires`. An item holds at most 400 kB. What the service
 * throttles, or leaves undone of a batch, is asked for again, 8 times in some seconds; then the call rejects with
 * ONLINE_STORE_UNAVAILABLE.
 *
 * @throws ENGINE_NOT_INSTALLED, at the first use, without `@aws-sdk/client-dynamodb` (^3)
 */
export function dynamodb({ client, table, consistentRead = true }: DynamoDbOptions): OnlineStore {
  const items = dynamoDbItems(table);
  let closed = false;

  /** @returns undefined when a condition did not hold */
  async function send<Output>(
    operation: string,
    name: "PutItem" | "UpdateItem" | "GetItem" | "BatchGetItem" | "BatchWriteItem" | "Query",
    input: object,
  ): Promise<Output | undefined> {
    for (let attempt = 0; ; attempt++) {
      if (closed) throw featureStoreError("CLOSED", { what: `online store of the DynamoDB table ${table}` });
      try {
        const library = await loadLibrary("@aws-sdk/client-dynamodb", "^3", () => import("@aws-sdk/client-dynamodb"));
        const Command = library[`${name}Command`] as new (input: object) => object;
        return (await client.send(new Command({ ...input }))) as Output;
      } catch (cause) {
        const { name: reason } = cause as Error;
        if (reason === "ConditionalCheckFailedException") return undefined;
        if (!throttled.test(reason) || attempt === tries - 1) throw named(cause, operation);
        await pause(attempt);
      }
    }
  }

  async function watermark(namespace: string): Promise<number | undefined> {
    const input = { TableName: table, Key: items.watermarkKey(namespace), ConsistentRead: consistentRead };
    const answer = await send<{ Item?: DynamoDbItem }>("read", "GetItem", input);
    const reached = answer?.Item?.["reached"]?.N;
    return reached === undefined ? undefined : Number(reached);
  }

  /** Sends a batch, and again what the service left undone. */
  async function untilProcessed<Left>(
    operation: string,
    batch: Left,
    once: (batch: Left) => Promise<Left | undefined>,
  ): Promise<void> {
    let left: Left | undefined = batch;
    for (let attempt = 0; attempt < tries; attempt++) {
      left = await once(left as Left);
      if (left === undefined) return;
      await pause(attempt);
    }
    const reason = `it left a part of a batch undone ${tries} times: its capacity does not suffice`;
    throw featureStoreError("ONLINE_STORE_UNAVAILABLE", { store: "DynamoDB", operation, reason });
  }

  async function vectorsOf(namespace: string, keys: readonly Uint8Array[]): Promise<Map<string, Uint8Array>> {
    const distinct = [...new Map(keys.map((key) => [keyId(key), key])).values()];
    const found = new Map<string, Uint8Array>();
    const now = Date.now();
    await inLanes(pages(distinct, keysPerGet), lanes, (page) =>
      untilProcessed(
        "read",
        page.map((key) => items.vectorKey(namespace, key)),
        async (Keys) => {
          const request = { [table]: { Keys, ConsistentRead: consistentRead } };
          const answer = await send<BatchGet>("read", "BatchGetItem", { RequestItems: request });
          for (const item of answer?.Responses?.[table] ?? []) {
            if (Number(item["keptUntil"]?.N ?? Infinity) > now) found.set(...items.read(item));
          }
          return answer?.UnprocessedKeys?.[table]?.Keys;
        },
      ),
    );
    return found;
  }

  return {
    capabilities: { atomicBatch: false, expiry: true },
    watermark,
    async write(namespace, entries, { distinct, watermark: reached, keepMs, signal } = {}) {
      signal?.throwIfAborted();
      const latest = latestPerKey(entries, { distinct });
      for (const { vector } of latest) assertFits(vector);
      await inLanes(latest, lanes, async ({ key, vector }) => {
        signal?.throwIfAborted();
        const stamp = vector.subarray(stampRange.start, stampRange.end);
        const condition = "attribute_not_exists(stamp) OR stamp <= :stamp OR keptUntil <= :now";
        await send(
          "write",
          "PutItem",
          items.put(namespace, { key, vector, keepMs }, condition, { ":stamp": { B: stamp } }),
        );
      });
      if (reached === undefined) return;
      signal?.throwIfAborted();
      await send("write", "UpdateItem", items.advance(namespace, reached));
    },
    async read(namespace, keys, { signal } = {}) {
      signal?.throwIfAborted();
      // Before the vectors: a write that comes in between makes them newer than it, never older.
      const reached = await watermark(namespace);
      const found = await vectorsOf(namespace, keys);
      return { vectors: keys.map((key) => found.get(keyId(key))), watermark: reached };
    },
    async *scan(namespace, { signal } = {}) {
      for (const partition of items.partitions(namespace)) {
        let start: DynamoDbItem | undefined;
        do {
          signal?.throwIfAborted();
          const input = { ...items.vectorsOf(partition, start), ConsistentRead: consistentRead };
          const answer: QueryPage | undefined = await send("read", "Query", input);
          const now = Date.now();
          const live = (answer?.Items ?? []).filter((item) => {
            return item["vector"] !== undefined && Number(item["keptUntil"]?.N ?? Infinity) > now;
          });
          if (live.length > 0) {
            yield live.map(items.read).map(([id, vector]) => ({ key: Buffer.from(id, "latin1"), vector }));
          }
          start = answer?.LastEvaluatedKey;
        } while (start !== undefined);
      }
    },
    async exchange(namespace, changes, { keepMs, signal } = {}) {
      signal?.throwIfAborted();
      for (const { next } of changes) assertFits(next);
      const made = Array.from<boolean>({ length: changes.length }).fill(false);
      await inLanes(changes, lanes, async ({ key, expected, next }, i) => {
        const [condition, values] =
          expected === undefined
            ? ["attribute_not_exists(vector) OR keptUntil <= :now", {}]
            : [
                "vector = :expected AND (attribute_not_exists(keptUntil) OR keptUntil > :now)",
                { ":expected": { B: expected } },
              ];
        const input = items.put(namespace, { key, vector: next, keepMs }, condition, values);
        made[i] = (await send("exchange", "PutItem", input)) !== undefined;
      });
      return made;
    },
    async clear(namespace, { signal } = {}) {
      await inLanes(items.partitions(namespace), lanes, async (partition) => {
        let start: DynamoDbItem | undefined;
        do {
          signal?.throwIfAborted();
          const answer: QueryPage | undefined = await send("clear", "Query", items.keysOf(partition, start));
          for (const page of pages(answer?.Items ?? [], keysPerDelete)) {
            const requests = page.map((Key): object => ({ DeleteRequest: { Key } }));
            await untilProcessed("clear", requests, async (batch) => {
              const input = { RequestItems: { [table]: batch } };
              const done = await send<BatchWrite>("clear", "BatchWriteItem", input);
              return done?.UnprocessedItems?.[table];
            });
          }
          start = answer?.LastEvaluatedKey;
        } while (start !== undefined);
      });
    },
    async [Symbol.asyncDispose]() {
      closed = true;
    },
  };
}

interface BatchGet {
  readonly Responses?: Readonly<Record<string, DynamoDbItem[]>>;
  readonly UnprocessedKeys?: Readonly<Record<string, { readonly Keys: DynamoDbItem[] }>>;
}

interface BatchWrite {
  readonly UnprocessedItems?: Readonly<Record<string, object[]>>;
}

interface QueryPage {
  readonly Items?: DynamoDbItem[];
  readonly LastEvaluatedKey?: DynamoDbItem;
}

/** Of the 400 kB of an item, keys and names of attributes take up to 1 kB. */
const largestVector = 399 * 1024;

function assertFits(vector: Uint8Array): void {
  if (vector.length <= largestVector) return;
  const reason = `a vector of ${vector.length} bytes is over the ${largestVector} that an item holds; split the view`;
  throw featureStoreError("ONLINE_STORE_REFUSED", { store: "DynamoDB", operation: "write", reason });
}

/** It has no capacity left for the moment. */
const throttled = /Throttl|ProvisionedThroughput|RequestLimit/;

const passing =
  /Throttl|ProvisionedThroughput|RequestLimit|LimitExceeded|InternalServerError|ServiceUnavailable|TransactionConflict|Timeout/;

/** An answer of the service has a status; every other error is of the connection. */
function named(cause: unknown, operation: string): Error {
  if (isAshlarError(cause)) return cause;
  const { name = "", message = "", $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  const answered = status !== undefined && status < 500 && !passing.test(name);
  const reason = [name, message].filter((part) => part !== "").join(": ");
  const error = answered ? "ONLINE_STORE_REFUSED" : "ONLINE_STORE_UNAVAILABLE";
  return featureStoreError(error, { store: "DynamoDB", operation, reason }, { cause });
}

function pages<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
