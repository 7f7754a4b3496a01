import { entityKey } from "../online/entity-key.ts";
import { headerBytes } from "../online/vector-reader.ts";
import type { OnlineStore } from "../online/port.ts";

/** One copy of one version of a view. A backfill of a version that has values already makes a copy of the next generation. */
export interface Copy {
  /** The first 16 digits of the version. */
  readonly version: string;
  readonly generation: number;
}

/** Which copies of a view there are, and which serves: one value in the online store, replaced by compare-and-swap. */
export interface ServingRecord {
  /** The version that a backfill brought in last; null before the first. */
  readonly serving: string | null;
  /** The generation that serves of each version, where it is not the first. */
  readonly generations: Readonly<Record<string, number>>;
  /** The copy that a backfill is writing, or was when it was killed. */
  readonly building: (Copy & { readonly since: number | null }) | null;
  /** Copies that serve no more, by when they ceased to, in epoch milliseconds; those that are being removed say so. */
  readonly retired: readonly (Copy & { readonly at: number; readonly removing?: boolean })[];
}

export interface StoredRecord {
  readonly record: ServingRecord;
  /** What is stored, to be replaced; undefined before the first. */
  readonly bytes: Uint8Array | undefined;
}

export const noRecord: ServingRecord = { serving: null, generations: {}, building: null, retired: [] };

const key = entityKey(["serving"]);

const namespaceOfRecord = (view: string): string => `${view}.serving`;

/** The online namespace of a copy. */
export const namespaceOfCopy = (view: string, { version, generation }: Copy): string =>
  generation === 0 ? `${view}@${version}` : `${view}@${version}.${generation}`;

export async function readRecord(online: OnlineStore, view: string, signal?: AbortSignal): Promise<StoredRecord> {
  const { vectors } = await online.read(namespaceOfRecord(view), [key], { signal });
  const bytes = vectors[0];
  if (bytes === undefined) return { record: noRecord, bytes };
  return { record: JSON.parse(Buffer.from(bytes).toString("utf8", headerBytes)) as ServingRecord, bytes };
}

/** @returns false when it was replaced by another meanwhile */
export async function replaceRecord(
  online: OnlineStore,
  view: string,
  stored: StoredRecord,
  next: ServingRecord,
): Promise<boolean> {
  // Stores look for a stamp where vectors have theirs.
  const bytes = Buffer.concat([Buffer.alloc(headerBytes), Buffer.from(JSON.stringify(next))]);
  const [made] = await online.exchange(namespaceOfRecord(view), [{ key, expected: stored.bytes, next: bytes }]);
  return made === true;
}

export const sameCopy = (a: Copy, b: Copy): boolean => a.version === b.version && a.generation === b.generation;
