import { isAshlarError, type ObjectStore } from "@ashlar/core";
import { securityError } from "../errors.ts";
import { decodeBatch, type Journal, type PlacedBatch, type Remains } from "./journal.ts";

/**
 * A log in an object store: one object for each batch, numbered, written only if absent; so of two writers the slower
 * is refused. The store must decide `ifAbsent` atomically.
 *
 * @throws INVALID_OPTION when it does not
 */
export function objectJournal(objects: ObjectStore, prefix: string): Journal {
  if (!objects.capabilities.conditionalPut) {
    const rule = "an audit log needs a store that can write an object only if it is absent";
    throw securityError("INVALID_OPTION", { option: "objects", value: "a store without conditionalPut", rule });
  }
  const key = (batch: number): string => `${prefix}/batches/${String(batch).padStart(16, "0")}`;
  const checkpointKey = `${prefix}/checkpoint`;
  let next = 0;
  const bytesOf = async (name: string): Promise<Uint8Array> => (await objects.get(name)).bytes();

  return {
    name: prefix,
    open: async () => ({ [Symbol.asyncDispose]: async () => {} }),

    async *scan(): AsyncGenerator<PlacedBatch, Remains> {
      next = 0;
      for await (const { key: found } of objects.list(`${prefix}/batches/`)) {
        const bytes = found === key(next) ? await bytesOf(found) : new Uint8Array();
        const batch = decodeBatch(bytes);
        // An object is whole or absent: a batch that is not whole was altered, or one before it was taken away.
        if (batch === undefined) return { bytes: Math.max(1, bytes.byteLength), holdsCheckpoint: true };
        yield { ...batch, place: { at: next, length: bytes.byteLength } };
        next++;
      }
      return { bytes: 0, holdsCheckpoint: false };
    },

    cutRemains: async () => {},

    async append(batch) {
      try {
        await objects.put(key(next), batch, { ifAbsent: true });
      } catch (error) {
        if (!isAshlarError(error, "PRECONDITION_FAILED")) throw error;
        throw securityError("AUDIT_LOG_IN_USE", { log: prefix }, { cause: error });
      }
      return { at: next++, length: batch.byteLength };
    },

    read: ({ at }) => bytesOf(key(at)),

    async readCheckpoint() {
      if ((await objects.head(checkpointKey)) === undefined) return undefined;
      return new TextDecoder().decode(await bytesOf(checkpointKey));
    },

    async publishCheckpoint(note) {
      await objects.put(checkpointKey, new TextEncoder().encode(note));
    },
  };
}
