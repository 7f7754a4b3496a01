import { isAshlarError } from "@ashlar/core";
import { featureStoreError } from "../errors.ts";
import { loadLibrary } from "./load.ts";

export type RedisArgument = string | Buffer;

export interface RedisReplyOptions {
  /** By RESP type, what it is read as. */
  readonly typeMapping?: { readonly 36?: typeof Buffer };
}

/** What is needed of a client of node-redis 5 or 6: `createClient`, or a pool of them. */
export interface RedisClient {
  sendCommand(args: RedisArgument[], options?: RedisReplyOptions): Promise<unknown>;
}

/** What is needed of a cluster of node-redis 5 or 6: `createCluster`. */
export interface RedisClusterClient {
  sendCommand(
    firstKey: RedisArgument | undefined,
    isReadonly: boolean | undefined,
    args: RedisArgument[],
    options?: RedisReplyOptions,
  ): Promise<unknown>;
  readonly masters: readonly RedisNode[];
  nodeClient(node: RedisNode): RedisClient | Promise<RedisClient>;
}

export interface RedisNode {
  readonly address: string;
}

/** A server or a cluster, with errors that have names. */
export interface RedisConnection {
  readonly clustered: boolean;
  /** @throws ONLINE_STORE_UNAVAILABLE, ONLINE_STORE_REFUSED, CLOSED */
  send(
    operation: "read" | "write" | "exchange" | "clear",
    firstKey: RedisArgument,
    args: RedisArgument[],
    options: { readonly readonly: boolean },
  ): Promise<unknown>;
  /** Keys that match a glob, on every node, some hundred at a time. A key may come twice. */
  keysLike(pattern: string): AsyncIterable<readonly Buffer[]>;
  close(): Promise<void>;
}

/** RESP's bulk strings come as bytes, not as text. */
const bufferReplies: RedisReplyOptions = { typeMapping: { 36: Buffer } };

export function connectRedis(
  options: { readonly client: RedisClient } | { readonly cluster: RedisClusterClient } | { readonly url: string },
): RedisConnection {
  let own: Promise<OwnClient> | undefined;
  let closed = false;

  async function connected(url: string): Promise<OwnClient> {
    const { createClient } = await loadLibrary("redis", "^6", () => import("redis"));
    // The first connection is tried once: the caller hears at once when nobody is there. Later ones are tried again.
    let wasThere = false;
    const reconnectStrategy = (tries: number): number | false => wasThere && Math.min(2_000, 2 ** tries * 20);
    const client = createClient({ url, socket: { reconnectStrategy } });
    client.on("ready", () => (wasThere = true));
    // Each command that fails says so itself; without a listener the process would end.
    client.on("error", () => undefined);
    try {
      await client.connect();
    } catch (error) {
      client.destroy();
      throw error;
    }
    return client;
  }

  async function command(firstKey: RedisArgument, args: RedisArgument[], readonly: boolean): Promise<unknown> {
    if ("cluster" in options) return options.cluster.sendCommand(firstKey, readonly, args, bufferReplies);
    const client = "client" in options ? options.client : await ownClient(options.url);
    return client.sendCommand(args, bufferReplies);
  }

  async function clients(): Promise<RedisClient[]> {
    if ("client" in options) return [options.client];
    if ("url" in options) return [await ownClient(options.url)];
    const { cluster } = options;
    return await Promise.all(cluster.masters.map(async (node) => await cluster.nodeClient(node)));
  }

  async function attempt<Result>(operation: string, work: () => Promise<Result>): Promise<Result> {
    if (closed) throw featureStoreError("CLOSED", { what: "Redis online store" });
    try {
      return await work();
    } catch (cause) {
      throw named(cause, operation);
    }
  }

  function ownClient(url: string): Promise<OwnClient> {
    own ??= connected(url).catch((error: unknown) => {
      own = undefined;
      throw error;
    });
    return own;
  }

  return {
    clustered: "cluster" in options,
    send: (operation, firstKey, args, { readonly }) =>
      attempt(operation, async () => await command(firstKey, args, readonly)),
    async *keysLike(pattern) {
      for (const client of await attempt("clear", clients)) {
        let cursor = "0";
        do {
          const args = ["SCAN", cursor, "MATCH", pattern, "COUNT", "1000"];
          const reply = await attempt("clear", async () => await client.sendCommand(args, bufferReplies));
          const [next, keys] = reply as [Buffer, Buffer[]];
          yield keys;
          cursor = String(next);
        } while (cursor !== "0");
      }
    },
    async close() {
      closed = true;
      const client = await own?.catch(() => undefined);
      await client?.close();
    },
  };
}

type OwnClient = RedisClient & { close(): Promise<unknown> };

/** Answers of a server that is starting, failing over or busy: another try meets another state. */
const passing = /^(LOADING|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|BUSY|READONLY|MOVED|ASK)\b/;

/** An answer of the server begins with a word in capitals; every other error is of the connection. */
function named(cause: unknown, operation: string): Error {
  if (isAshlarError(cause)) return cause;
  const { message } = cause as { message?: string };
  const reason = message === undefined || message === "" ? String(cause) : message;
  const answered = /^[A-Z]{3,} /.test(reason) && !passing.test(reason);
  const error = answered ? "ONLINE_STORE_REFUSED" : "ONLINE_STORE_UNAVAILABLE";
  return featureStoreError(error, { store: "Redis", operation, reason }, { cause });
}
