import type { AuditEvent } from "@ashlar/core";
import { securityError } from "../errors.ts";

/** Bytes of one entry. */
export const maxEntryBytes: number = 1024 * 1024;
const maxDepth = 32;
const outcomes: ReadonlySet<string> = new Set<AuditEvent["outcome"]>(["allowed", "refused", "succeeded", "failed"]);

/**
 * The bytes of an event in the log: JSON with its fields in one order. What JSON would change in silence is refused.
 *
 * @throws AUDIT_EVENT_INVALID
 */
export function encodeEvent(event: AuditEvent): Uint8Array {
  const { principal, action, resource, outcome, at, details } = event;
  for (const [field, value] of Object.entries({ principal, action, resource })) {
    if (typeof value !== "string" || value === "") throw refusal(field, "must be a string that is not empty");
    assertJson(field, value, 0);
  }
  if (!outcomes.has(outcome)) throw refusal("outcome", `must be one of ${[...outcomes].join(", ")}`);
  if (!Number.isSafeInteger(at) || at < 0) throw refusal("at", "must be whole epoch milliseconds");
  if (details !== undefined) {
    if (!isRecord(details)) throw refusal("details", "must be a plain object");
    assertJson("details", details, 0);
  }
  const bytes = Buffer.from(JSON.stringify({ principal, action, resource, outcome, at, details }));
  if (bytes.byteLength > maxEntryBytes) throw refusal("it", `has ${bytes.byteLength} bytes, above ${maxEntryBytes}`);
  return bytes;
}

/** The event of an entry's bytes. */
export function decodeEvent(entry: Uint8Array): AuditEvent {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(entry)) as AuditEvent;
}

function assertJson(field: string, value: unknown, depth: number): void {
  if (depth > maxDepth) throw refusal(field, `is nested deeper than ${maxDepth}`);
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw refusal(field, "has a lone surrogate");
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) throw refusal(field, `is ${value}, which JSON does not have`);
  } else if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) assertJson(`${field}[${index}]`, value[index], depth + 1);
  } else if (isRecord(value)) {
    for (const [name, item] of Object.entries(value)) {
      if (name === "__proto__" || name === "toJSON")
        throw refusal(`${field}.${name}`, "has a name that is not allowed");
      assertJson(`${field}.${name}`, item, depth + 1);
    }
  } else {
    throw refusal(field, `is ${typeof value === "object" ? "not a plain object" : `a ${typeof value}`}`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function refusal(field: string, rule: string): Error {
  return securityError("AUDIT_EVENT_INVALID", { field, rule });
}
