import { hash, randomUUID } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type Cipher, coreError, type SecretSource, systemClock, toBytes } from "@ashlar/core";
import { tryLock } from "../durable/lock.ts";
import { replaceFile } from "../durable/write.ts";
import { securityError } from "../errors.ts";

export interface FileSecretsOptions {
  /** The encrypted file; it is made by the first `put`. */
  readonly path: string;
  /** Encrypts it: an envelope. */
  readonly cipher: Cipher;
}

/** Secrets in one encrypted file, every version kept. */
export interface FileSecrets extends SecretSource {
  /** Adds a version, which becomes the current one, and gives its name. Durable when it resolves. */
  put(name: string, value: Uint8Array): Promise<string>;
}

interface Stored {
  readonly version: string;
  readonly value: string;
}
type Book = Map<string, Stored[]>;

const context = { purpose: "ashlar secrets 1" };

/** Secrets from an encrypted file. It is read with each call, so that what another process puts is seen. */
export function fileSecrets({ path, cipher }: FileSecretsOptions): FileSecrets {
  const read = async (): Promise<Book> => {
    let sealed: Uint8Array;
    try {
      sealed = await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
      throw unusable(path, error);
    }
    const plaintext = await toBytes(cipher.decrypt(sealed, { context })).catch((error: unknown) => {
      throw unusable(path, error);
    });
    try {
      return new Map(JSON.parse(new TextDecoder().decode(plaintext)) as [string, Stored[]][]);
    } catch {
      // The parser's message quotes what it stumbled over, which may be a secret.
      throw unusable(path, new Error("it does not hold secrets"));
    }
  };

  return {
    async get(name, options = {}) {
      options.signal?.throwIfAborted();
      const versions = (await read()).get(name) ?? [];
      const { version: wanted } = options;
      const found = wanted === undefined ? versions.at(-1) : versions.find(({ version }) => version === wanted);
      if (found === undefined) {
        throw coreError("SECRET_NOT_FOUND", { name: wanted === undefined ? name : `${name}@${wanted}` });
      }
      return { name, version: found.version, value: new Uint8Array(Buffer.from(found.value, "base64")) };
    },

    async put(name, value) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      using _lock = await locked(path);
      const book = await read();
      const version = hash("sha256", randomUUID()).slice(0, 16);
      book.set(name, [...(book.get(name) ?? []), { version, value: Buffer.from(value).toString("base64") }]);
      const text = new TextEncoder().encode(JSON.stringify([...book]));
      await replaceFile(path, await toBytes(cipher.encrypt(text, { context })));
      return version;
    },
  };
}

async function locked(path: string): Promise<Disposable> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const lock = tryLock(`${path}.lock`);
    if (lock !== undefined) return lock;
    await systemClock.sleep(20);
  }
  throw unusable(path, new Error("another writer has held its lock for 10 s"));
}

function unusable(path: string, cause: unknown): Error {
  return securityError("SECRETS_UNUSABLE", { path, reason: (cause as Error).message }, { cause });
}
