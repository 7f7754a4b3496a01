import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** The private key in a file that only its owner can read, made on first use: Ed25519, or ECDSA on P-256. */
export function keyFile(path: string, kind: "ed25519" | "p256" = "ed25519"): KeyObject {
  if (existsSync(path)) return createPrivateKey(readFileSync(path));
  const { privateKey } =
    kind === "p256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
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
