import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { type Clock, coreError, type KeyProvider, systemClock } from "@ashlar/core";
import { tryLock } from "../durable/lock.ts";
import { replaceFile } from "../durable/write.ts";
import { contextDigest } from "../encrypt/context.ts";
import { securityError } from "../errors.ts";

export interface LocalKeyRingOptions {
  /** The file that holds the keys, mode 0600. Whoever reads it can read everything: keep it apart from the data. */
  readonly path: string;
  /** Makes the file with one key when it is missing. @default false */
  readonly create?: boolean;
  /** @default the system clock */
  readonly clock?: Clock;
}

/** 256-bit wrapping keys in a file: one primary, which wraps, and older ones, which only unwrap. */
export interface LocalKeyRing extends KeyProvider {
  /** Adds a key and makes it the primary. Data wrapped by older keys stays readable. Gives the new key's id. */
  rotate(): Promise<string>;
  /** Ids, oldest first; the last is the primary. */
  keyIds(): Promise<readonly string[]>;
}

interface RingFile {
  readonly version: 1;
  /** Oldest first. */
  readonly keys: readonly { readonly id: string; readonly key: string; readonly createdAt: number }[];
}

type Ring = ReadonlyMap<string, Uint8Array>;

const wrappedLength = 1 + 32 + 32 + 16;

/**
 * A key provider on a file. The file is read on first use, and again when a key id is not known, so that a rotation
 * by another process is seen. A wrapped key is `1 | salt 32 | AES-256-GCM ciphertext 32 | tag 16`; the wrapping key is
 * HKDF-SHA-512 of the ring's key with that salt, the key id and the context, and is used once.
 *
 * Its methods throw KEY_RING_UNUSABLE when the file is missing, malformed, or readable by others.
 */
export function localKeyRing(options: LocalKeyRingOptions): LocalKeyRing {
  const { path, clock = systemClock } = options;
  let loaded: Promise<Ring> | undefined;

  const load = async (): Promise<Ring> => {
    if (options.create === true) await locked(path, () => createIfMissing(path, clock));
    return toRing(await readRing(path));
  };
  const ring = (): Promise<Ring> => {
    if (loaded === undefined) {
      const loading = load();
      loaded = loading;
      // A failure is not kept: the file may be put right.
      loading.catch(() => (loaded = undefined));
    }
    return loaded;
  };

  return {
    async generateDataKey(context) {
      const [keyId, key] = [...(await ring())].at(-1) ?? unusable(path, "it has no keys");
      const plaintext = new Uint8Array(randomBytes(32));
      const salt = randomBytes(32);
      const { wrappingKey, iv } = derive(key, { salt, keyId, context: contextDigest(context) });
      const cipher = createCipheriv("aes-256-gcm", wrappingKey, iv);
      const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      return { plaintext, wrapped: new Uint8Array([1, ...salt, ...sealed]), keyId };
    },

    async unwrapDataKey(wrapped, keyId, context) {
      const digest = contextDigest(context);
      if (!(await ring()).has(keyId)) loaded = undefined;
      const key = (await ring()).get(keyId);
      if (key === undefined) throw refusal(`the key ${JSON.stringify(keyId)} is not in the ring`);
      if (wrapped.byteLength !== wrappedLength || wrapped[0] !== 1) throw refusal("the wrapped key is malformed");
      const { wrappingKey, iv } = derive(key, { salt: wrapped.subarray(1, 33), keyId, context: digest });
      const decipher = createDecipheriv("aes-256-gcm", wrappingKey, iv, { authTagLength: 16 });
      decipher.setAuthTag(wrapped.subarray(65));
      const plaintext = new Uint8Array(decipher.update(wrapped.subarray(33, 65)));
      try {
        decipher.final();
      } catch (cause) {
        throw refusal("the wrapped key, the key and the context do not belong together", cause);
      }
      return plaintext;
    },

    async rotate() {
      await ring();
      const added = newKey(clock);
      // Read again under the lock: a key that another process has just added must not be lost.
      await locked(path, async () => {
        const { keys } = await readRing(path);
        await writeRing(path, { version: 1, keys: [...keys, added] });
      });
      loaded = undefined;
      return added.id;
    },

    keyIds: async () => [...(await ring()).keys()],
  };
}

function derive(
  key: Uint8Array,
  { salt, keyId, context }: { salt: Uint8Array; keyId: string; context: Uint8Array },
): { wrappingKey: Uint8Array; iv: Uint8Array } {
  const info = Buffer.concat([Buffer.from(`ashlar key ring 1 ${keyId} `), context]);
  const derived = new Uint8Array(hkdfSync("sha512", key, salt, info, 32 + 12));
  return { wrappingKey: derived.subarray(0, 32), iv: derived.subarray(32) };
}

function newKey(clock: Clock): RingFile["keys"][number] {
  return { id: `local:${randomUUID()}`, key: randomBytes(32).toString("base64url"), createdAt: clock.now() };
}

async function createIfMissing(path: string, clock: Clock): Promise<void> {
  const exists = await stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? false : unusable(path, error.message, error)),
  );
  if (!exists) await writeRing(path, { version: 1, keys: [newKey(clock)] });
}

async function writeRing(path: string, file: RingFile): Promise<void> {
  await replaceFile(path, `${JSON.stringify(file, undefined, 2)}\n`);
}

async function readRing(path: string): Promise<RingFile> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) =>
    unusable(path, error.code === "ENOENT" ? "there is no such file, and `create` is not set" : error.message, error),
  );
  if (process.platform !== "win32" && (info.mode & 0o077) !== 0) {
    unusable(path, `its mode is ${(info.mode & 0o777).toString(8)}, so others can read it; run chmod 600`);
  }
  return parseRing(path, await readFile(path, "utf8"));
}

function parseRing(path: string, text: string): RingFile {
  let file: Partial<RingFile>;
  try {
    file = JSON.parse(text) as Partial<RingFile>;
  } catch {
    // The parser's message quotes what it stumbled over, which may be a key.
    return unusable(path, "it is not JSON");
  }
  const keys = Array.isArray(file?.keys) ? file.keys : [];
  if (file?.version !== 1) unusable(path, `its version ${JSON.stringify(file?.version)} is not known`);
  if (keys.length === 0) unusable(path, "it has no keys");
  if (new Set(keys.map(({ id }) => id)).size < keys.length) unusable(path, "two of its keys have one id");
  const whole = keys.every(
    ({ id, key }) => typeof id === "string" && Buffer.from(String(key), "base64url").length === 32,
  );
  if (!whole) unusable(path, "one of its keys does not have an id and 32 bytes");
  return { version: 1, keys };
}

function toRing({ keys }: RingFile): Ring {
  return new Map(keys.map(({ id, key }) => [id, new Uint8Array(Buffer.from(key, "base64url"))]));
}

async function locked<T>(path: string, act: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const deadline = Date.now() + 10_000;
  for (;;) {
    using lock = tryLock(`${path}.lock`);
    if (lock !== undefined) return await act();
    if (Date.now() > deadline) unusable(path, "another process has held its lock for 10 s");
    await systemClock.sleep(20);
  }
}

function unusable(path: string, reason: string, cause?: unknown): never {
  throw securityError("KEY_RING_UNUSABLE", { path, reason }, { cause });
}

function refusal(reason: string, cause?: unknown): Error {
  return coreError("DECRYPTION_FAILED", { reason }, { cause });
}
