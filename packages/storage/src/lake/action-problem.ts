import { isRecord } from "./schema-type.ts";

/** What a field must be; undefined says that it is. */
type Check = (value: unknown) => boolean;

interface Shape {
  readonly needs?: Readonly<Record<string, Check>>;
  /** Fields that may be absent or null. */
  readonly may?: Readonly<Record<string, Check>>;
}

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
/** A `long`. */
const whole: Check = (value) => Number.isInteger(value) && Math.abs(value as number) < 2 ** 63;
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const texts: Check = (value) => Array.isArray(value) && value.every(text);
const mapOf =
  (inner: Check): Check =>
  (value) =>
    isRecord(value) && Object.values(value).every(inner);
const textMap = mapOf(text);
const nullableTextMap = mapOf((value) => value === null || text(value));
const shaped =
  (shape: Shape): Check =>
  (value) =>
    isRecord(value) && problemIn(shape, value) === undefined;

const deletionVector = shaped({
  needs: { storageType: text, pathOrInlineDv: text, sizeInBytes: count, cardinality: count },
  may: { offset: count },
});
const file = { tags: nullableTextMap, deletionVector, baseRowId: count, defaultRowCommitVersion: count };

/** "Actions" of the Delta protocol, as far as a table depends on them. Fields that are not here are passed over. */
const shapes: Readonly<Record<string, Shape>> = {
  add: {
    needs: { path: text, size: count, partitionValues: nullableTextMap },
    may: { ...file, modificationTime: whole, dataChange: flag, stats: text, clusteringProvider: text },
  },
  remove: {
    needs: { path: text },
    may: {
      ...file,
      partitionValues: nullableTextMap,
      size: count,
      deletionTimestamp: whole,
      dataChange: flag,
      extendedFileMetadata: flag,
    },
  },
  cdc: { needs: { path: text }, may: { partitionValues: nullableTextMap, size: count, tags: nullableTextMap } },
  metaData: {
    needs: { id: text, schemaString: text, partitionColumns: texts },
    may: {
      configuration: textMap,
      format: shaped({ needs: { provider: text }, may: { options: textMap } }),
      createdTime: whole,
      name: text,
      description: text,
    },
  },
  protocol: {
    needs: { minReaderVersion: count, minWriterVersion: count },
    may: { readerFeatures: texts, writerFeatures: texts },
  },
  txn: { needs: { appId: text, version: whole }, may: { lastUpdated: whole } },
  domainMetadata: { needs: { domain: text, configuration: text }, may: { removed: flag } },
  commitInfo: {},
};

/** What is wrong with an action, from a log entry or a checkpoint. */
export function problemOf(action: unknown): string | undefined {
  if (!isRecord(action)) return "it is no action";
  for (const name of Object.keys(shapes)) {
    const value = action[name];
    if (value === undefined) continue;
    if (!isRecord(value)) return `${name} is no object`;
    const field = problemIn(shapes[name] as Shape, value);
    if (field !== undefined) return `${name} ${field}`;
  }
  return undefined;
}

function problemIn({ needs = {}, may = {} }: Shape, value: Readonly<Record<string, unknown>>): string | undefined {
  for (const field of Object.keys(needs)) {
    if (!(needs[field] as Check)(value[field])) return `lacks a valid "${field}"`;
  }
  for (const field of Object.keys(may)) {
    const given = value[field];
    if (given !== undefined && given !== null && !(may[field] as Check)(given)) return `has an invalid "${field}"`;
  }
  return undefined;
}
