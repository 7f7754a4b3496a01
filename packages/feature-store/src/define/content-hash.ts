import { createHash } from "node:crypto";

/** The SHA-256 in hex of a definition, the same for equal definitions whatever the order their options were written in. */
export function contentHash(definition: unknown): string {
  return createHash("sha256").update(canonical(definition)).digest("hex");
}

function canonical(value: unknown): string {
  if (value === Infinity) return '"forever"';
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value)
      .filter(([, inner]) => inner !== undefined && typeof inner !== "function")
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join()}}`;
  }
  return typeof value === "bigint" ? `"${value}n"` : (JSON.stringify(value) ?? "null");
}
