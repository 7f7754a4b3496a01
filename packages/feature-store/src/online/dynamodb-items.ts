import { featureStoreError } from "../errors.ts";
import { bucketOf, buckets } from "./bucket.ts";
import { keyId, type OnlineEntry } from "./port.ts";

export interface DynamoDbValue {
  readonly S?: string;
  readonly N?: string;
  readonly B?: Uint8Array;
}

export type DynamoDbItem = Readonly<Record<string, DynamoDbValue>>;

/** The input of `CreateTableCommand`. */
export interface DynamoDbTable {
  readonly TableName: string;
  readonly BillingMode: "PAY_PER_REQUEST";
  readonly AttributeDefinitions: { AttributeName: string; AttributeType: "S" | "B" }[];
  readonly KeySchema: { AttributeName: string; KeyType: "HASH" | "RANGE" }[];
}

/**
 * The table an online store needs, as input of `CreateTableCommand`. Switch its time to live on for the attribute `expires`
 * (`UpdateTimeToLiveCommand`) if vectors are to be deleted when they are of no more use.
 */
export function dynamodbTable(name: string): DynamoDbTable {
  return {
    TableName: name,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "namespace_bucket", AttributeType: "S" },
      { AttributeName: "entity", AttributeType: "B" },
    ],
    KeySchema: [
      { AttributeName: "namespace_bucket", KeyType: "HASH" },
      { AttributeName: "entity", KeyType: "RANGE" },
    ],
  };
}

export interface DynamoDbItems {
  vectorKey(namespace: string, key: Uint8Array): DynamoDbItem;
  watermarkKey(namespace: string): DynamoDbItem;
  /** The partitions that hold a namespace, the watermark's last. */
  partitions(namespace: string): string[];
  /** The input of a query for the keys of a partition. */
  keysOf(partition: string, start: DynamoDbItem | undefined): object;
  /** The input of a query for the items of a partition. */
  vectorsOf(partition: string, start: DynamoDbItem | undefined): object;
  /** The input that puts a vector under a condition, in which `:now` may stand for this moment. */
  put(
    namespace: string,
    entry: OnlineEntry & { readonly keepMs: number | undefined },
    condition: string,
    values: DynamoDbItem,
  ): object;
  /** The input that moves the watermark on. */
  advance(namespace: string, reached: number): object;
  /** The id of the key and the vector of an item. */
  read(item: DynamoDbItem): [string, Uint8Array];
}

/** How vectors and watermarks lie in a table. */
export function dynamoDbItems(table: string): DynamoDbItems {
  const vectorKey = (namespace: string, key: Uint8Array): DynamoDbItem => ({
    namespace_bucket: { S: `${namespace}#${bucketOf(key)}` },
    // No key may be empty, and an entity's may.
    entity: { B: Buffer.concat([Uint8Array.of(0), key]) },
  });
  const watermarkKey = (namespace: string): DynamoDbItem => ({
    namespace_bucket: { S: `${namespace}#watermark` },
    entity: { B: Uint8Array.of(0) },
  });
  return {
    vectorKey,
    watermarkKey,
    partitions: (namespace) => [
      ...Array.from({ length: buckets }, (_, i) => `${namespace}#${i}`),
      `${namespace}#watermark`,
    ],
    keysOf: (partition, start) => ({
      TableName: table,
      KeyConditionExpression: "namespace_bucket = :bucket",
      ProjectionExpression: "namespace_bucket, entity",
      ExpressionAttributeValues: { ":bucket": { S: partition } },
      ConsistentRead: true,
      ...(start === undefined ? {} : { ExclusiveStartKey: start }),
    }),
    vectorsOf: (partition, start) => ({
      TableName: table,
      KeyConditionExpression: "namespace_bucket = :bucket",
      ExpressionAttributeValues: { ":bucket": { S: partition } },
      ...(start === undefined ? {} : { ExclusiveStartKey: start }),
    }),
    put(namespace, { key, vector, keepMs }, condition, values) {
      const now = Date.now();
      const expiry: DynamoDbItem =
        keepMs === undefined
          ? {}
          : // The service deletes by whole seconds, and late.
            { keptUntil: { N: String(now + keepMs) }, expires: { N: String(Math.ceil((now + keepMs) / 1000)) } };
      const used = condition.includes(":now") ? { ":now": { N: String(now) } } : {};
      return {
        TableName: table,
        Item: { ...vectorKey(namespace, key), vector: { B: vector }, stamp: { B: vector.subarray(8, 32) }, ...expiry },
        ConditionExpression: condition,
        ExpressionAttributeValues: { ...used, ...values },
      };
    },
    advance: (namespace, reached) => ({
      TableName: table,
      Key: watermarkKey(namespace),
      UpdateExpression: "SET reached = :reached",
      ConditionExpression: "attribute_not_exists(reached) OR reached < :reached",
      ExpressionAttributeValues: { ":reached": { N: String(reached) } },
    }),
    read({ entity, vector }) {
      if (entity?.B === undefined || vector?.B === undefined) {
        throw featureStoreError("VECTOR_CORRUPT", { reason: `an item of the table ${table} has no entity or vector` });
      }
      return [keyId(entity.B.subarray(1)), vector.B];
    },
  };
}
