import type { PromoteRequest } from "../alias/promote.ts";
import { gateOf } from "../gate/spec.ts";
import { invalid, sameIdentity } from "../name.ts";

const known = ["to", "expected", "by", "gates", "approvals", "reason", "idempotencyKey"];

/**
 * Reads the body of a promotion. `expected` is a number, or null for an alias that must not exist; `gates` are gates as
 * JSON; `approvals` are ids.
 *
 * @param identity who sent it, when that is known
 * @throws REQUEST_INVALID
 */
export function promotionOf(alias: string, body: unknown, identity: string | undefined): PromoteRequest {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalid("body", JSON.stringify(body), "it must be a JSON object");
  }
  const given: Readonly<Record<string, unknown>> = { ...body };
  const surplus = Object.keys(given).find((key) => !known.includes(key));
  if (surplus !== undefined) throw invalid("field", surplus, `a promotion has ${known.join(", ")}`);
  // A forgotten field must not pass for "the alias must not exist".
  if (!("expected" in given)) throw invalid("expected", undefined, "it must be a version number, or null for none");

  const expected = given["expected"] === null ? undefined : number(given["expected"], "expected");
  const reason = optionalText(given["reason"], "reason");
  const idempotencyKey = optionalText(given["idempotencyKey"], "idempotencyKey");
  return {
    alias,
    to: number(given["to"], "to"),
    expected,
    by: promoter(optionalText(given["by"], "by"), identity),
    gates: list(given["gates"], "gates").map((spec) => gateOf(spec)),
    approvals: list(given["approvals"], "approvals").map((id) => ({ id: text(id, "approval id") })),
    ...(reason === undefined ? {} : { reason }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}

function promoter(by: string | undefined, identity: string | undefined): string {
  if (identity === undefined) return text(by, "by");
  if (by !== undefined && !sameIdentity(by, identity)) throw invalid("by", by, `the request was sent by "${identity}"`);
  return identity;
}

function number(value: unknown, field: string): number {
  if (typeof value !== "number") throw invalid(field, JSON.stringify(value), "it must be a version number");
  return value;
}

function text(value: unknown, field: string): string {
  if (typeof value !== "string") throw invalid(field, JSON.stringify(value), "it must be a text");
  return value;
}

function optionalText(value: unknown, field: string): string | undefined {
  return value === undefined ? undefined : text(value, field);
}

function list(value: unknown, field: string): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > 100) {
    throw invalid(field, JSON.stringify(value), "it must be a list of at most 100");
  }
  return value as readonly unknown[];
}
