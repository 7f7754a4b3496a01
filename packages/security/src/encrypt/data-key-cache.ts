import { createHash } from "node:crypto";
import { type Clock, type DataKey, type EncryptionContext, type KeyProvider, systemClock } from "@ashlar/core";
import { securityError } from "../errors.ts";
import { contextDigest } from "./context.ts";

export interface DataKeyCacheOptions {
  /** How long a data key is used again. */
  readonly maxAgeMs: number;
  /** Messages encrypted under one data key. @default 1_000 */
  readonly maxMessages?: number;
  /** Bytes encrypted under one data key: checked when a message begins. @default 64 GiB */
  readonly maxBytes?: number;
  /** Data keys held for each direction; the one not used for longest is dropped. @default 1_000 */
  readonly maxKeys?: number;
}

interface Requested {
  readonly context: EncryptionContext;
  readonly signal: AbortSignal | undefined;
}

/** A data key on loan: a copy, which the borrower zeroes. */
export interface BorrowedKey extends DataKey {
  /** Counts encrypted bytes against the limit. */
  used(bytes: number): void;
}

/** Where the envelope gets its data keys from. */
export interface DataKeys extends Disposable {
  forEncryption(request: Requested): Promise<BorrowedKey>;
  forDecryption(request: Requested & { wrapped: Uint8Array; keyId: string }): Promise<Uint8Array>;
}

/** One call of the provider for each message. */
export function freshDataKeys(keys: KeyProvider): DataKeys {
  return {
    async forEncryption({ context, signal }) {
      return { ...(await keys.generateDataKey(context, signalled(signal))), used: () => {} };
    },
    forDecryption: ({ wrapped, keyId, context, signal }) =>
      keys.unwrapDataKey(wrapped, keyId, context, signalled(signal)),
    [Symbol.dispose]: () => {},
  };
}

/**
 * Uses data keys again within limits of age, messages and bytes; a key is looked up by everything it depends on, and
 * callers who miss together make one call. Each message still has its own key, derived from the data key with a
 * random salt, so that using a data key again repeats no nonce.
 *
 * @throws INVALID_OPTION for a limit that is not a positive number
 */
export function cachedDataKeys(keys: KeyProvider, options: DataKeyCacheOptions, clock: Clock = systemClock): DataKeys {
  const { maxAgeMs, maxMessages = 1_000, maxBytes = 64 * 2 ** 30, maxKeys = 1_000 } = options;
  for (const [name, value] of Object.entries({ maxAgeMs, maxMessages, maxBytes, maxKeys })) {
    if (value > 0) continue;
    throw securityError("INVALID_OPTION", {
      option: `cache.${name}`,
      value: String(value),
      rule: "it must be above 0",
    });
  }
  const expires = (): number => clock.monotonic() + maxAgeMs;
  const encryption = new Shelf<DataKey>(maxKeys, (key) => key.plaintext.fill(0));
  const decryption = new Shelf<Uint8Array>(maxKeys, (key) => key.fill(0));

  return {
    async forEncryption({ context, signal }) {
      const name = hex(contextDigest(context));
      const usable = (entry: Entry<DataKey>): boolean =>
        clock.monotonic() < entry.expires && entry.messages < maxMessages && entry.bytes < maxBytes;
      const entry = encryption.find(name, usable, () => ({ value: keys.generateDataKey(context), expires: expires() }));
      entry.messages++;
      const { plaintext, ...rest } = await encryption.borrow(entry, signal, (key) => ({
        ...key,
        plaintext: key.plaintext.slice(),
      }));
      return { ...rest, plaintext, used: (bytes) => void (entry.bytes += bytes) };
    },

    async forDecryption({ wrapped, keyId, context, signal }) {
      const name = `${hex(contextDigest(context))} ${hex(createHash("sha256").update(wrapped).digest())} ${keyId}`;
      const entry = decryption.find(
        name,
        (entry) => clock.monotonic() < entry.expires,
        () => ({ value: keys.unwrapDataKey(wrapped.slice(), keyId, context), expires: expires() }),
      );
      return decryption.borrow(entry, signal, (key) => key.slice());
    },

    [Symbol.dispose]() {
      encryption.clear();
      decryption.clear();
    },
  };
}

interface Entry<Key> {
  readonly value: Promise<Key>;
  readonly expires: number;
  messages: number;
  bytes: number;
  /** Borrowers that have not copied the key yet. */
  waiting: number;
  dropped: boolean;
}

/** Keys by name, in the order of their last use. */
class Shelf<Key> {
  readonly #entries = new Map<string, Entry<Key>>();
  readonly #limit: number;
  readonly #zero: (key: Key) => void;

  constructor(limit: number, zero: (key: Key) => void) {
    this.#limit = limit;
    this.#zero = zero;
  }

  find(
    name: string,
    usable: (entry: Entry<Key>) => boolean,
    make: () => Pick<Entry<Key>, "value" | "expires">,
  ): Entry<Key> {
    const found = this.#entries.get(name);
    this.#entries.delete(name);
    if (found !== undefined && usable(found)) {
      this.#entries.set(name, found);
      return found;
    }
    if (found !== undefined) this.#drop(found);
    const entry: Entry<Key> = { ...make(), messages: 0, bytes: 0, waiting: 0, dropped: false };
    this.#entries.set(name, entry);
    // A failure is not kept: the next caller asks again.
    entry.value.catch(() => {
      if (this.#entries.get(name) === entry) this.#entries.delete(name);
    });
    const [oldest] = this.#entries;
    if (this.#entries.size > this.#limit && oldest !== undefined) {
      this.#entries.delete(oldest[0]);
      this.#drop(oldest[1]);
    }
    return entry;
  }

  /** Copies a key once it is there. The signal ends one caller's wait, and not the call that others share. */
  async borrow<Copy>(entry: Entry<Key>, signal: AbortSignal | undefined, copy: (key: Key) => Copy): Promise<Copy> {
    entry.waiting++;
    try {
      return copy(await raced(entry.value, signal));
    } finally {
      entry.waiting--;
      if (entry.dropped) this.#drop(entry);
    }
  }

  clear(): void {
    for (const entry of this.#entries.values()) this.#drop(entry);
    this.#entries.clear();
  }

  #drop(entry: Entry<Key>): void {
    entry.dropped = true;
    if (entry.waiting === 0) void entry.value.then(this.#zero, () => {});
  }
}

async function raced<T>(value: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return value;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([value, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function signalled(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
