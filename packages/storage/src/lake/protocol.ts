import { storageError } from "../errors.ts";
import type { Protocol } from "./actions.ts";
import type { Definition } from "./state.ts";

/** Reader version 1 and writer version 2: what every engine that knows Delta can work with. */
export const ownProtocol: Protocol = { minReaderVersion: 1, minWriterVersion: 2 };

/** What each version brought: "Requirements for Readers" and "Requirements for Writers" of the protocol. */
const readerFeatures: Readonly<Record<number, string>> = { 2: "columnMapping" };
const writerFeatures: Readonly<Record<number, string>> = {
  3: "checkConstraints",
  4: "changeDataFeed, generatedColumns",
  5: "columnMapping",
  6: "identityColumns",
};
const harmlessToWrite: ReadonlySet<string> = new Set(["appendOnly", "invariants"]);

/** @throws PROTOCOL_UNSUPPORTED */
export function assertReadable(table: string, protocol: Protocol): void {
  if (protocol.minReaderVersion <= 1) return;
  const features = protocol.readerFeatures ?? upTo(protocol.minReaderVersion, readerFeatures);
  const named = features.length > 0 ? features : [`reader version ${protocol.minReaderVersion}`];
  throw storageError("PROTOCOL_UNSUPPORTED", { table, action: "read", features: named });
}

/** @throws PROTOCOL_UNSUPPORTED, TABLE_READ_ONLY */
export function assertWritable(table: string, protocol: Protocol, definition: Definition): void {
  const needed = protocol.writerFeatures ?? upTo(protocol.minWriterVersion, writerFeatures);
  const features = needed.filter((feature) => !harmlessToWrite.has(feature));
  if (features.length > 0) throw storageError("PROTOCOL_UNSUPPORTED", { table, action: "write", features });
  const checked = definition.columns.find((column) => "delta.invariants" in column.metadata);
  if (checked !== undefined) {
    const reason = `the column "${checked.name}" has an invariant in SQL, which a writer must check`;
    throw storageError("TABLE_READ_ONLY", { table, reason });
  }
}

function upTo(version: number, features: Readonly<Record<number, string>>): string[] {
  return Object.entries(features).flatMap(([since, feature]) => (Number(since) <= version ? [feature] : []));
}
