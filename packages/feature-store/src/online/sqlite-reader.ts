import { DatabaseSync } from "node:sqlite";
import type { OnlineRead } from "./port.ts";

/** A connection that only reads: a statement for each key costs less than one for all that has to be put in order. */
export interface SqliteReader {
  /** Undefined when the file is busy in a way that readers wait for, as while it is recovered. */
  read(namespace: string, keys: readonly Uint8Array[]): OnlineRead | undefined;
  close(): void;
}

const busyCodes = new Set([5, 6]);

/** @param path a file that another connection of this process has open, with its tables */
export function openReader(path: string): SqliteReader {
  const connection = new DatabaseSync(path, { readOnly: true, timeout: 0 });
  const vectorOf = connection.prepare("SELECT vector FROM online_vector WHERE namespace = ? AND entity = ?");
  const watermarkOf = connection.prepare("SELECT reached FROM online_watermark WHERE namespace = ?");
  return {
    read(namespace, keys) {
      try {
        // One transaction: one snapshot of all.
        connection.exec("BEGIN");
        const watermark = watermarkOf.get(namespace)?.["reached"] as number | undefined;
        const vectors = keys.map((key) => vectorOf.get(namespace, key)?.["vector"] as Uint8Array | undefined);
        return { vectors, watermark };
      } catch (error) {
        if (busyCodes.has((error as { errcode?: number }).errcode ?? 0)) return undefined;
        throw error;
      } finally {
        if (connection.isTransaction) connection.exec("COMMIT");
      }
    },
    close: () => connection.close(),
  };
}
