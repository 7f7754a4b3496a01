import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { featureStoreError } from "../errors.ts";
import { loadLibrary } from "./load.ts";
import { mayReplace, type OnlineEntry, type OnlineStore, sameVector } from "./port.ts";

/** What this store uses of the `lmdb` package. */
export interface LmdbLibrary {
  open(options: {
    readonly path: string;
    readonly encoding: "binary";
    readonly keyEncoding: "binary";
    readonly overlappingSync: boolean;
  }): LmdbDatabase;
}

export interface LmdbDatabase {
  getBinary(key: Uint8Array): Uint8Array | undefined;
  put(key: Uint8Array, value: Uint8Array): unknown;
  remove(key: Uint8Array): unknown;
  /** Keys from `start` on and before `end`, in order. */
  getKeys(range: { readonly start: Uint8Array; readonly end: Uint8Array }): Iterable<unknown>;
  childTransaction<Result>(action: () => Result): Promise<Result>;
  close(): Promise<void>;
}

export interface LmdbOptions {
  /** The file, with a lock file `-lock` beside it. Missing folders are made. */
  readonly path: string;
  /** The library, when the caller has imported it; by default `lmdb` is imported on first use. */
  readonly lib?: LmdbLibrary;
}

const watermarkKind = 0;
const vectorKind = 1;
const kinds = 2;

const entriesPerPage = 1_000;

/**
 * An online store in one LMDB file, for the processes of one machine: the fastest to read. A write is one transaction,
 * on disk when it resolves; a read sees one snapshot and waits for nobody. The file is opened at the first use.
 *
 * @throws ENGINE_NOT_INSTALLED, at the first use, without `lmdb` (^3.5.6)
 */
export function lmdb({ path, lib }: LmdbOptions): OnlineStore {
  let opened: Promise<LmdbDatabase> | undefined;
  let closed = false;

  async function open(): Promise<LmdbDatabase> {
    const library = lib ?? (await loadLibrary<LmdbLibrary>("lmdb", "^3.5.6", () => import("lmdb")));
    await mkdir(dirname(path), { recursive: true });
    return library.open({ path, encoding: "binary", keyEncoding: "binary", overlappingSync: false });
  }

  function database(): Promise<LmdbDatabase> {
    if (closed) throw featureStoreError("CLOSED", { what: `online store ${path}` });
    return (opened ??= open());
  }

  const places = new Map<string, (key: Uint8Array) => Uint8Array>();

  /** Puts keys of vectors into one buffer after another's use: the library copies a key before it returns. */
  function placeOf(namespace: string): (key: Uint8Array) => Uint8Array {
    const place = places.get(namespace) ?? keyPlace(prefixOf(namespace, vectorKind));
    if (places.size >= mostPlaces) places.clear();
    places.set(namespace, place);
    return place;
  }

  const watermarkOf = (db: LmdbDatabase, namespace: string): number | undefined => {
    const bytes = db.getBinary(keyOf(namespace, watermarkKind, new Uint8Array()));
    return bytes && new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getFloat64(0);
  };

  return {
    capabilities: { atomicBatch: true, expiry: false },
    watermark: async (namespace) => watermarkOf(await database(), namespace),
    async write(namespace, entries, { watermark, signal } = {}) {
      const db = await database();
      signal?.throwIfAborted();
      await db.childTransaction(() => {
        const prefix = prefixOf(namespace, vectorKind);
        for (const { key, vector } of entries) {
          const at = prefixed(prefix, key);
          if (mayReplace(db.getBinary(at), vector)) db.put(at, vector);
        }
        if (watermark === undefined || watermark < (watermarkOf(db, namespace) ?? -Infinity)) return;
        const bytes = Buffer.alloc(8);
        bytes.writeDoubleBE(watermark);
        db.put(keyOf(namespace, watermarkKind, new Uint8Array()), bytes);
      });
    },
    async read(namespace, keys, { signal } = {}) {
      const db = await database();
      signal?.throwIfAborted();
      // All in one turn of the event loop, and so from one snapshot.
      const place = placeOf(namespace);
      const vectors = keys.map((key) => db.getBinary(place(key)));
      return { vectors, watermark: watermarkOf(db, namespace) };
    },
    async *scan(namespace, { signal } = {}) {
      const db = await database();
      const prefix = prefixOf(namespace, vectorKind);
      const end = prefixOf(namespace, kinds);
      for (let start: Uint8Array | undefined = prefix; start !== undefined;) {
        signal?.throwIfAborted();
        const page: OnlineEntry[] = [];
        let last: Uint8Array | undefined;
        // A page in one turn of the event loop: a snapshot that is held for long keeps pages from being used again.
        for (const key of db.getKeys({ start, end }) as Iterable<Uint8Array>) {
          last = Uint8Array.from(key);
          page.push({ key: last.subarray(prefix.length), vector: Uint8Array.from(db.getBinary(key) ?? []) });
          if (page.length === entriesPerPage) break;
        }
        if (page.length > 0) yield page;
        start = page.length < entriesPerPage || last === undefined ? undefined : prefixed(last, Uint8Array.of(0));
      }
    },
    async exchange(namespace, changes, { signal } = {}) {
      const db = await database();
      signal?.throwIfAborted();
      return await db.childTransaction(() =>
        changes.map(({ key, expected, next }) => {
          const at = keyOf(namespace, vectorKind, key);
          const unchanged = sameVector(db.getBinary(at), expected);
          if (unchanged) db.put(at, next);
          return unchanged;
        }),
      );
    },
    async clear(namespace, { signal } = {}) {
      const db = await database();
      signal?.throwIfAborted();
      const none = new Uint8Array();
      await db.childTransaction(() => {
        const range = { start: keyOf(namespace, watermarkKind, none), end: keyOf(namespace, kinds, none) };
        // All first: a cursor does not stand still while what it points at is removed.
        const keys = Array.from(db.getKeys(range)) as Uint8Array[];
        for (const key of keys) db.remove(key);
      });
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      const db = await opened?.catch(() => undefined);
      await db?.close();
    },
  };
}

/** The namespace with its length, what kind of record it is, and the key. */
const keyOf = (namespace: string, kind: number, key: Uint8Array): Uint8Array =>
  prefixed(prefixOf(namespace, kind), key);

function prefixOf(namespace: string, kind: number): Uint8Array {
  const length = Buffer.byteLength(namespace);
  const bytes = Buffer.allocUnsafe(3 + length);
  bytes.writeUInt16BE(length, 0);
  bytes.write(namespace, 2);
  bytes[2 + length] = kind;
  return bytes;
}

/** At most what a store takes as a key. */
const longestKey = 512;
const mostPlaces = 1_000;

function keyPlace(prefix: Uint8Array): (key: Uint8Array) => Uint8Array {
  const bytes = new Uint8Array(prefix.length + longestKey);
  bytes.set(prefix);
  const views: Uint8Array[] = [];
  return (key) => {
    if (key.length > longestKey) return prefixed(prefix, key);
    bytes.set(key, prefix.length);
    return (views[key.length] ??= Buffer.from(bytes.buffer, 0, prefix.length + key.length));
  };
}

function prefixed(prefix: Uint8Array, key: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(prefix.length + key.length);
  bytes.set(prefix);
  bytes.set(key, prefix.length);
  return bytes;
}
