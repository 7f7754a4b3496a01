import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** The Ed25519 key in a file that only its owner can read, made on first use. */
export function keyFile(path: string): KeyObject {
  if (existsSync(path)) return createPrivateKey(readFileSync(path));
  const { privateKey } = generateKeyPairSync("ed25519");
  writePrivate(path, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  return privateKey;
}

/** Writes a file that only its owner can read, whole or not at all. */
export function writePrivate(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const staged = `${path}.${process.pid}`;
  writeFileSync(staged, text, { mode: 0o600, flush: true });
  renameSync(staged, path);
}
