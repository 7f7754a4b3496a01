import { storageError } from "../errors.ts";
import type { Protocol } from "./actions.ts";
import type { Definition } from "./state.ts";

/** Reader version 1 and writer version 2: what every engine that knows Delta can work with. */
export const ownProtocol: Protocol = { minReaderVersion: 1, minWriterVersion: 2 };

/** A table feature: "Valid Feature Names in Table Features" of the protocol. */
interface Feature {
  /** The reader and writer versions that had it before there were features. */
  readonly since?: readonly [reader: number, writer: number];
  /** Readers must know it. */
  readonly reads?: true;
  /** Where it is at work, a table can only be read: writers would have to do what is not done here. */
  readonly refuses?: (definition: Definition) => boolean;
}

const setTo = (name: string, value: string) => (definition: Definition) => definition.configuration[name] === value;
const inColumns = (key: RegExp) => (definition: Definition) =>
  definition.columns.some(({ metadata }) => Object.keys(metadata).some((name) => key.test(name)));
const inProperties = (key: RegExp) => (definition: Definition) =>
  Object.keys(definition.configuration).some((name) => key.test(name));

/** What is known here; every other feature is refused by name. */
const features: Readonly<Record<string, Feature>> = {
  appendOnly: { since: [1, 2] },
  invariants: { since: [1, 2] },
  checkConstraints: { since: [1, 3], refuses: inProperties(/^delta\.constraints\./) },
  changeDataFeed: { since: [1, 4] },
  generatedColumns: { since: [1, 4], refuses: inColumns(/^delta\.generationExpression$/) },
  columnMapping: { since: [2, 5], reads: true, refuses: setTo("delta.columnMapping.mode", "id") },
  identityColumns: { since: [1, 6], refuses: inColumns(/^delta\.identity\./) },
  allowColumnDefaults: { refuses: inColumns(/^CURRENT_DEFAULT$/) },
  deletionVectors: { reads: true },
  domainMetadata: {},
  inCommitTimestamp: {},
  timestampNtz: { reads: true },
  typeWidening: { reads: true },
  "typeWidening-preview": { reads: true },
  v2Checkpoint: { reads: true },
  vacuumProtocolCheck: { reads: true },
};

/** @throws PROTOCOL_UNSUPPORTED */
export function assertReadable(table: string, protocol: Protocol): void {
  const needed = readerFeatures(protocol);
  const unknown = needed.filter((name) => features[name] === undefined);
  if (unknown.length > 0) throw storageError("PROTOCOL_UNSUPPORTED", { table, action: "read", features: unknown });
}

/** @throws PROTOCOL_UNSUPPORTED, TABLE_READ_ONLY */
export function assertWritable(table: string, protocol: Protocol, definition: Definition): void {
  const refused = writerFeatures(protocol).filter(
    (name) => features[name]?.refuses?.(definition) ?? !(name in features),
  );
  if (refused.length > 0) throw storageError("PROTOCOL_UNSUPPORTED", { table, action: "write", features: refused });
  const checked = definition.columns.find((column) => "delta.invariants" in column.metadata);
  if (checked !== undefined) {
    const reason = `the column "${checked.name}" has an invariant in SQL, which a writer must check`;
    throw storageError("TABLE_READ_ONLY", { table, reason });
  }
}

/** The features that a protocol has for readers, by name, whether by its list or by its version. */
export function readerFeatures(protocol: Protocol): readonly string[] {
  const { minReaderVersion: version } = protocol;
  if (version === 3) return protocol.readerFeatures ?? [];
  if (version > 3) return [`reader version ${version}`];
  return Object.keys(features).filter((name) => {
    const { since, reads } = features[name] ?? {};
    return reads === true && since !== undefined && since[0] <= version;
  });
}

export function writerFeatures(protocol: Protocol): readonly string[] {
  const { minWriterVersion: version } = protocol;
  if (version === 7) return protocol.writerFeatures ?? [];
  if (version > 7) return [`writer version ${version}`];
  return Object.keys(features).filter((name) => (features[name]?.since?.[1] ?? Infinity) <= version);
}

/**
 * A protocol with more features; undefined when it has them all. What its versions stood for before is listed with
 * them, as "Table Features for New and Existing Tables" asks.
 */
export function withFeatures(protocol: Protocol, wanted: readonly string[]): Protocol | undefined {
  const [reading, writing] = [readerFeatures(protocol), writerFeatures(protocol)];
  const writers = [...new Set([...writing, ...wanted])];
  const readers = [...new Set([...reading, ...wanted.filter((name) => features[name]?.reads === true)])];
  if (writers.length === writing.length && readers.length === reading.length) return undefined;
  const legacy = readers.every((name) => name === "columnMapping");
  if (legacy && protocol.minReaderVersion < 3) {
    return { minReaderVersion: readers.length === 0 ? 1 : 2, minWriterVersion: 7, writerFeatures: writers };
  }
  return { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: readers, writerFeatures: writers };
}
