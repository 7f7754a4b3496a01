import { describe, expect, it } from "vitest";
import type { Action } from "./actions.ts";
import { conflictOf, type Contender, shapeConflict } from "./conflict.ts";
import type { Definition } from "./state.ts";

const definition = (configuration: Readonly<Record<string, string>> = {}): Definition => ({
  id: "id",
  columns: [
    { name: "n", type: "long", nullable: true, metadata: {} },
    { name: "p", type: "string", nullable: true, metadata: {} },
  ],
  partitionBy: ["p"],
  configuration,
});

const add = (path: string, p = "x", stats?: string): Action => ({
  add: { path, partitionValues: { p }, size: 1, modificationTime: 0, dataChange: true, ...(stats ? { stats } : {}) },
});
const remove = (path: string): Action => ({ remove: { path, dataChange: true } });
const blind: Action = { commitInfo: { isBlindAppend: true } };
const metaData: Action = {
  metaData: {
    id: "id",
    schemaString: "{}",
    partitionColumns: [],
    configuration: {},
    format: { provider: "parquet", options: {} },
  },
};
const protocol: Action = { protocol: { minReaderVersion: 1, minWriterVersion: 2 } };
const txn = (appId: string): Action => ({ txn: { appId, version: 1 } });
const domain = (name: string): Action => ({
  domainMetadata: { domain: name, configuration: "{}", removed: false },
});

/** What a writer was about. */
const mine = {
  blindAppend: { read: "nothing", actions: [add("mine")], dataChange: true },
  appendAfterRead: { read: { files: new Set(["a"]), where: { p: "x" } }, actions: [add("mine")], dataChange: true },
  delete: { read: { files: new Set(["a"]), where: { p: "x" } }, actions: [remove("a")], dataChange: true },
  optimize: { read: { files: new Set(["a"]), where: { p: "x" } }, actions: [remove("a"), add("b")], dataChange: false },
  deleteAll: { read: { files: new Set(["a"]), where: {} }, actions: [remove("a")], dataChange: true },
  alter: { read: "definition", actions: [metaData], dataChange: false },
  upgrade: { read: "definition", actions: [protocol], dataChange: false },
  removeUnread: { read: "nothing", actions: [remove("a")], dataChange: true },
  transaction: { read: "nothing", actions: [add("mine")], dataChange: true, transaction: { appId: "job" } },
  domain: { read: "nothing", actions: [domain("d")], dataChange: false },
} as const satisfies Record<string, Contender>;

/** What another committed first. */
const winners = {
  "blind append, same partition": [blind, add("w", "x")],
  "blind append, other partition": [blind, add("w", "y")],
  "append after a read, same partition": [add("w", "x")],
  "append after a read, other partition": [add("w", "y")],
  "append of rows beyond the predicate": [add("w", "x", '{"numRecords":1,"minValues":{"n":9},"maxValues":{"n":9}}')],
  "delete of the same file": [remove("a")],
  "delete of another file": [remove("z")],
  "rewrite of the same file": [remove("a"), add("w", "x")],
  "columns or properties": [metaData],
  protocol: [protocol, metaData],
  "the same application": [txn("job")],
  "another application": [txn("other")],
  "the same domain": [domain("d")],
  "another domain": [domain("e")],
} as const satisfies Record<string, readonly Action[]>;

/** For who changes rows by what was read of a partition. */
const read: Readonly<Record<string, string>> = {
  "append after a read, same partition": "concurrentAppend",
  "append of rows beyond the predicate": "concurrentAppend",
  "delete of the same file": "concurrentDeleteRead",
  "rewrite of the same file": "concurrentAppend",
  "columns or properties": "metadataChanged",
  protocol: "protocolChanged",
};

/** By the rules of Delta's `ConflictChecker` under `WriteSerializable`; what is not here may both stand. */
const conflicts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  blindAppend: {},
  appendAfterRead: read,
  delete: read,
  optimize: {
    "delete of the same file": "concurrentDeleteRead",
    "rewrite of the same file": "concurrentDeleteRead",
    "columns or properties": "metadataChanged",
    protocol: "protocolChanged",
  },
  deleteAll: { ...read, "append after a read, other partition": "concurrentAppend" },
  alter: { "columns or properties": "metadataChanged", protocol: "protocolChanged" },
  upgrade: { "columns or properties": "metadataChanged", protocol: "protocolChanged" },
  removeUnread: {
    "delete of the same file": "concurrentDeleteDelete",
    "rewrite of the same file": "concurrentDeleteDelete",
  },
  transaction: { "the same application": "concurrentTransaction" },
  domain: { "the same domain": "concurrentDomain" },
};

describe.each(Object.keys(mine) as (keyof typeof mine)[])("%s", (name) => {
  it.each(Object.keys(winners) as (keyof typeof winners)[])("after: %s", (winner) => {
    expect(conflictOf(definition(), mine[name], winners[winner])?.kind).toBe(conflicts[name]?.[winner]);
  });
});

describe("a predicate", () => {
  it("lets stand what the statistics of the other's files rule out", () => {
    const reader: Contender = { ...mine.delete, read: { files: new Set(["a"]), where: { n: { lt: 5 } } } };
    expect(conflictOf(definition(), reader, winners["append of rows beyond the predicate"])).toBeUndefined();
    expect(conflictOf(definition(), reader, winners["append after a read, same partition"])?.kind).toBe(
      "concurrentAppend",
    );
  });
});

describe("an isolation level of Serializable", () => {
  const strict = definition({ "delta.isolationLevel": "Serializable" });

  it("orders blind appends too", () => {
    expect(conflictOf(strict, mine.delete, winners["blind append, same partition"])?.kind).toBe("concurrentAppend");
    expect(conflictOf(strict, mine.delete, winners["blind append, other partition"])).toBeUndefined();
    expect(conflictOf(strict, mine.blindAppend, winners["blind append, same partition"])).toBeUndefined();
  });
});

describe("names of files", () => {
  it("are the same however they are encoded", () => {
    const reader: Contender = { ...mine.delete, read: { files: new Set(["p=a%20b/f"]), where: { p: "x" } } };
    expect(conflictOf(definition(), reader, [remove("p=a b/f")])?.kind).toBe("concurrentDeleteRead");
  });
});

describe("the shape that a blind append was written for", () => {
  it("may get other properties, and no other columns or partitions", () => {
    const before = definition();
    expect(shapeConflict(before, definition({ "delta.appendOnly": "true" }))).toBeUndefined();
    const [first] = before.columns;
    const changed = [
      { ...before, columns: before.columns.slice(0, 1) },
      { ...before, partitionBy: [] },
      { ...before, columns: before.columns.map((column) => ({ ...column, nullable: column !== first })) },
    ];
    for (const after of changed) expect(shapeConflict(before, after)?.kind).toBe("metadataChanged");
  });
});
