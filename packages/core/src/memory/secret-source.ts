import { coreError } from "../errors.ts";
import type { SecretSource } from "../secret-source.ts";

/** Secrets from a map of name to values, oldest first; versions are counted from 1. */
export function memorySecretSource(secrets: Readonly<Record<string, readonly (string | Uint8Array)[]>>): SecretSource {
  const byName = new Map(Object.entries(secrets));
  return {
    async get(name, options = {}) {
      const versions = byName.get(name) ?? [];
      const version = options.version ?? String(versions.length);
      const value = versions[Number(version) - 1];
      if (value === undefined) throw coreError("SECRET_NOT_FOUND", { name: `${name}@${version}` });
      return { name, version, value: typeof value === "string" ? new TextEncoder().encode(value) : value.slice() };
    },
  };
}
