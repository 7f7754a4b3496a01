import type { SchemaElement } from "hyparquet";
import type { Action } from "./actions.ts";

const optional = (name: string, element: Omit<SchemaElement, "name">): SchemaElement => ({
  repetition_type: "OPTIONAL",
  ...element,
  name,
});
const text = (name: string): SchemaElement[] => [optional(name, { type: "BYTE_ARRAY", converted_type: "UTF8" })];
const long = (name: string): SchemaElement[] => [optional(name, { type: "INT64" })];
const integer = (name: string): SchemaElement[] => [optional(name, { type: "INT32" })];
const flag = (name: string): SchemaElement[] => [optional(name, { type: "BOOLEAN" })];
const struct = (name: string, children: readonly SchemaElement[][]): SchemaElement[] => [
  optional(name, { num_children: children.length }),
  ...children.flat(),
];
const map = (name: string): SchemaElement[] => [
  optional(name, { num_children: 1, converted_type: "MAP" }),
  { name: "key_value", num_children: 2, repetition_type: "REPEATED" },
  { name: "key", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
  ...text("value"),
];
const list = (name: string): SchemaElement[] => [
  optional(name, { num_children: 1, converted_type: "LIST" }),
  { name: "list", num_children: 1, repetition_type: "REPEATED" },
  ...text("element"),
];
const deletionVector = struct("deletionVector", [
  text("storageType"),
  text("pathOrInlineDv"),
  integer("offset"),
  integer("sizeInBytes"),
  long("cardinality"),
]);
const rowTracking = [long("baseRowId"), long("defaultRowCommitVersion")];

/** "Checkpoint Schema" of the protocol. What no action of a checkpoint has is left out of its schema. */
const kinds: Readonly<Record<string, readonly SchemaElement[][]>> = {
  protocol: [integer("minReaderVersion"), integer("minWriterVersion"), list("readerFeatures"), list("writerFeatures")],
  metaData: [
    text("id"),
    text("name"),
    text("description"),
    struct("format", [text("provider"), map("options")]),
    text("schemaString"),
    list("partitionColumns"),
    map("configuration"),
    long("createdTime"),
  ],
  txn: [text("appId"), long("version"), long("lastUpdated")],
  domainMetadata: [text("domain"), text("configuration"), flag("removed")],
  remove: [
    text("path"),
    long("deletionTimestamp"),
    flag("dataChange"),
    flag("extendedFileMetadata"),
    map("partitionValues"),
    long("size"),
    deletionVector,
    ...rowTracking,
  ],
  add: [
    text("path"),
    map("partitionValues"),
    long("size"),
    long("modificationTime"),
    flag("dataChange"),
    text("stats"),
    map("tags"),
    deletionVector,
    ...rowTracking,
    text("clusteringProvider"),
  ],
};
const rare: ReadonlySet<string> = new Set([
  "tags",
  "deletionVector",
  "baseRowId",
  "defaultRowCommitVersion",
  "clusteringProvider",
]);

export interface CheckpointColumn {
  readonly name: string;
  readonly schema: SchemaElement[];
  readonly data: unknown[];
}

/** Whether a field, as `add.tags`, is one that only some tables have. */
export const isRare = (field: string): boolean => rare.has(field.slice(field.indexOf(".") + 1));

/** The fields of actions that only some tables have, as `add.tags`. */
export function rareFields(actions: readonly Action[]): Set<string> {
  const found = new Set<string>();
  for (const action of actions) {
    for (const [kind, value] of Object.entries(action)) {
      const record = value as Readonly<Record<string, unknown>>;
      for (const name of rare) if (record[name] !== undefined) found.add(`${kind}.${name}`);
    }
  }
  return found;
}

/** @param fields the rare fields that the schema has */
export function checkpointColumns(actions: readonly Action[], fields: ReadonlySet<string>): CheckpointColumn[] {
  return Object.entries(kinds).map(([kind, all]) => {
    const values = actions.map((action) => (action as Readonly<Record<string, unknown>>)[kind]);
    const children = all.filter(([element]) => {
      const name = element?.name ?? "";
      return !rare.has(name) || fields.has(`${kind}.${name}`);
    });
    return { name: kind, schema: struct(kind, children), data: values.map((value) => withIntegers(value, children)) };
  });
}

/** A row of the column: 64-bit integers as bigints, which is how Parquet takes them. */
function withIntegers(value: unknown, children: readonly SchemaElement[][]): unknown {
  if (value === undefined) return undefined;
  const record = value as Readonly<Record<string, unknown>>;
  const row: Record<string, unknown> = {};
  for (const child of children) {
    const [element] = child;
    if (element === undefined) continue;
    const item = record[element.name];
    if (item === undefined || item === null) continue;
    row[element.name] = element.name === "deletionVector" ? withIntegers(item, vectorFields) : exact(element, item);
  }
  return row;
}

const vectorFields: readonly SchemaElement[][] = deletionVector.slice(1).map((element) => [element]);

const exact = (element: SchemaElement, item: unknown): unknown =>
  element.type === "INT64" && typeof item === "number" ? BigInt(item) : item;
