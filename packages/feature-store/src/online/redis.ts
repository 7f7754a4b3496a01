import { featureStoreError } from "../errors.ts";
import { bucketOf } from "./bucket.ts";
import { inLanes, settled } from "./in-lanes.ts";
import { latestPerKey, type OnlineChange, type OnlineEntry, type OnlineStore } from "./port.ts";
import { connectRedis, type RedisArgument, type RedisClient, type RedisClusterClient } from "./redis-client.ts";
import { entityIn, namespacePattern, vectorKeys, watermarkKey } from "./redis-keys.ts";
import { advanceScript, exchangeScript, RedisScript, writeScript } from "./redis-script.ts";

export type { RedisArgument, RedisClient, RedisClusterClient, RedisNode, RedisReplyOptions } from "./redis-client.ts";

export interface RedisOptions {
  /** What every key begins with, so that others may use the server too. @default "ashlar" */
  readonly prefix?: string;
}

const entriesPerCommand = 250;
const mostNamespaces = 1_000;
/** Commands of a write under way at once: the server always has one to do, and what waits here is little. */
const commandsAtOnce = 4;
/** Those of a cluster are for a slot each, and so small. */
const clusterCommandsAtOnce = 64;

/**
 * An online store in Redis 6.2 or later, or Valkey, for many machines. Give it your connected `client` or `cluster` of
 * node-redis, which stays yours, or a `url`, whose connection it opens at the first use and closes.
 *
 * Each key holds one packed vector. A script compares its stamp and writes it in one step, some hundred keys at a time, so
 * that the server is not held up, and MSETNX where none of them is there; readers see every vector whole, and the watermark
 * comes last. With `keepMs` the key
 * expires. What a write resolved with is as durable as the server is set up to be (`appendonly`, `WAIT`).
 *
 * @throws DEFINITION_INVALID for a prefix with a brace
 * @throws ENGINE_NOT_INSTALLED, at the first use of a `url`, without `redis` (^6)
 */
export function redis(
  options: RedisOptions &
    ({ readonly client: RedisClient } | { readonly cluster: RedisClusterClient } | { readonly url: string }),
): OnlineStore {
  const { prefix = "ashlar" } = options;
  if (/[{}]/.test(prefix)) {
    const rule = "a brace would move its keys to other slots of a cluster";
    throw featureStoreError("DEFINITION_INVALID", { of: "The Redis online store", value: prefix, rule });
  }
  const connection = connectRedis(options);
  const write = new RedisScript(writeScript);
  const exchange = new RedisScript(exchangeScript);
  const advance = new RedisScript(advanceScript);
  /** Namespaces in which the last write of many keys found some. */
  const filled = new Set<string>();

  /** Keys by what one command may name: all on a server, those of one slot in a cluster. */
  function groups(keys: readonly Uint8Array[]): (readonly number[])[] {
    if (!connection.clustered) return keys.length === 0 ? [] : [keys.map((_, i) => i)];
    const byBucket = new Map<number, number[]>();
    keys.forEach((key, i) => {
      const bucket = bucketOf(key);
      const group = byBucket.get(bucket);
      if (group === undefined) byBucket.set(bucket, [i]);
      else group.push(i);
    });
    return [...byBucket.values()];
  }

  async function watermark(namespace: string): Promise<number | undefined> {
    const key = watermarkKey(prefix, namespace);
    return numberOf(await connection.send("read", key, ["GET", key], { readonly: true }));
  }

  const partsOf = (entries: readonly { readonly key: Uint8Array }[]): (readonly number[])[] =>
    groups(entries.map(({ key }) => key)).flatMap((group) => chunks(group, entriesPerCommand));

  /**
   * Entries of which no key is stored have no stamp to be compared with: one MSETNX writes them all or, when there is a key
   * after all, none, and then the script does. It costs the server half of what the script does. Tried where the last
   * write of many found no key of the namespace, as the first materialisation of a copy does.
   */
  async function writeEntries(
    namespace: string,
    entries: readonly OnlineEntry[],
    keepMs: number | undefined,
  ): Promise<void> {
    const keep = keepMs === undefined ? "" : String(keepMs);
    const keyOf = vectorKeys(prefix, namespace);
    const keyAt = (i: number): RedisArgument => keyOf((entries[i] as OnlineEntry).key);
    const vectorAt = (i: number): Uint8Array => (entries[i] as OnlineEntry).vector;
    const isMany = keep === "" && entries.length >= entriesPerCommand;
    const expectsNone = isMany && !filled.has(namespace);
    let found = 0;

    async function compared(part: readonly number[]): Promise<void> {
      const vectors = part.map(vectorAt);
      const lengths = vectors.map(({ length }) => String(length));
      const there = await write.run(connection, "write", part.map(keyAt), [keep, Buffer.concat(vectors), ...lengths]);
      found += Number(there);
    }

    async function added(part: readonly number[]): Promise<void> {
      const args: RedisArgument[] = ["MSETNX"];
      for (const i of part) args.push(keyAt(i), bufferOf(vectorAt(i)));
      const made = await connection.send("write", args[1] as RedisArgument, args, { readonly: false });
      if (Number(made) !== 1) await compared(part);
    }

    const lanes = connection.clustered ? clusterCommandsAtOnce : commandsAtOnce;
    await inLanes(partsOf(entries), lanes, expectsNone ? added : compared);
    if (!isMany) return;
    if (filled.size >= mostNamespaces) filled.clear();
    if (found > 0) filled.add(namespace);
    else filled.delete(namespace);
  }

  async function valuesOf(names: readonly Buffer[]): Promise<readonly (Buffer | null)[]> {
    const get = async (args: [string, ...Buffer[]]): Promise<unknown> =>
      connection.send("read", args[1] as Buffer, args, { readonly: true });
    if (!connection.clustered) return (await get(["MGET", ...names])) as (Buffer | null)[];
    // One key a command: a cluster takes no more unless they lie in one slot.
    return (await Promise.all(names.map((name) => get(["GET", name])))) as (Buffer | null)[];
  }

  return {
    capabilities: { atomicBatch: false, expiry: true },
    watermark,
    async write(namespace, entries, { watermark: reached, distinct, keepMs, signal } = {}) {
      signal?.throwIfAborted();
      await writeEntries(namespace, latestPerKey(entries, { distinct }), keepMs);
      signal?.throwIfAborted();
      if (reached === undefined) return;
      await advance.run(connection, "write", [watermarkKey(prefix, namespace)], [String(reached)]);
    },
    async read(namespace, keys, { signal } = {}) {
      signal?.throwIfAborted();
      const names = keys.map(vectorKeys(prefix, namespace));
      if (!connection.clustered) {
        const mark = watermarkKey(prefix, namespace);
        const reply = await connection.send("read", mark, ["MGET", mark, ...names], { readonly: true });
        const values = reply as (Buffer | null)[];
        return { vectors: keys.map((_, i) => values[i + 1] ?? undefined), watermark: numberOf(values[0]) };
      }
      // Of another slot, and so before the vectors: what is written in between is newer than it, never older.
      const reached = await watermark(namespace);
      const vectors = Array.from<Uint8Array | undefined>({ length: keys.length });
      const asked = groups(keys).map(async (group) => {
        const first = names[group[0] as number] as RedisArgument;
        const args = ["MGET", ...group.map((i) => names[i] as RedisArgument)];
        const reply = (await connection.send("read", first, args, { readonly: true })) as (Buffer | null)[];
        group.forEach((i, at) => (vectors[i] = reply[at] ?? undefined));
      });
      await Promise.all(asked);
      return { vectors, watermark: reached };
    },
    async *scan(namespace, { signal } = {}) {
      const [pattern = ""] = namespacePattern(prefix, namespace);
      for await (const names of connection.keysLike(pattern)) {
        signal?.throwIfAborted();
        if (names.length === 0) continue;
        const vectors = await valuesOf(names);
        // What has expired since it was named is not there any more.
        yield names.flatMap((name, i) => (vectors[i] == null ? [] : [{ key: entityIn(name), vector: vectors[i] }]));
      }
    },
    async exchange(namespace, changes, { keepMs, signal } = {}) {
      signal?.throwIfAborted();
      const keep = keepMs === undefined ? "" : String(keepMs);
      const made = Array.from<boolean>({ length: changes.length }).fill(false);
      const keyOf = vectorKeys(prefix, namespace);
      const done = partsOf(changes).map(async (part) => {
        const keys = part.map((i) => keyOf((changes[i] as OnlineChange).key));
        const vectors = part.flatMap((i) => {
          const { expected, next } = changes[i] as OnlineChange;
          return [expected === undefined ? "" : bufferOf(expected), bufferOf(next)];
        });
        const reply = (await exchange.run(connection, "exchange", keys, [keep, ...vectors])) as number[];
        part.forEach((i, at) => (made[i] = reply[at] === 1));
      });
      await settled(done);
      return made;
    },
    async clear(namespace, { signal } = {}) {
      for (const pattern of namespacePattern(prefix, namespace)) {
        for await (const keys of connection.keysLike(pattern)) {
          signal?.throwIfAborted();
          // One key a command: a cluster takes no more unless they lie in one slot.
          await settled(keys.map((key) => connection.send("clear", key, ["UNLINK", key], { readonly: false })));
        }
      }
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

const bufferOf = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

const numberOf = (reply: unknown): number | undefined => (reply == null ? undefined : Number(String(reply)));
