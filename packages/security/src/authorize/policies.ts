import { hash } from "node:crypto";
import type { DetailedError, EntityJson, PolicySet, ValidationError } from "@cedar-policy/cedar-wasm/nodejs";
import { securityError } from "../errors.ts";
import { cedar } from "./cedar.ts";
import { entityReferences } from "./entities.ts";
import type { CedarId } from "./entity-id.ts";

/** Policies and schema that were checked, and are held by Cedar under their names. */
export interface PreparedPolicies {
  readonly policySetName: string;
  readonly schemaName: string | undefined;
  /** Entities that the policies name themselves. */
  readonly named: readonly CedarId[];
}

/**
 * Checks policies, against the schema when there is one, and hands them to Cedar once. A policy is known by its `@id`
 * annotation, or by the line it begins on: `policy at line 12`.
 *
 * @throws POLICY_INVALID
 */
export function preparePolicies(text: string, schema: string | undefined): PreparedPolicies {
  if (schema !== undefined) {
    const parsed = cedar().checkParseSchema(schema);
    if (parsed.type === "failure") throw invalid("schema", schema, parsed.errors[0]);
  }
  const parts = cedar().policySetTextToParts(text);
  if (parts.type === "failure") throw invalid("policies", text, parts.errors[0]);
  const [template] = parts.policy_templates;
  if (template !== undefined) {
    throw invalidAt(
      "policies",
      text,
      Math.max(0, text.indexOf(template)),
      "a template needs links, which are not taken",
    );
  }

  const byId = new Map<string, { text: string; offset: number }>();
  const named: CedarId[] = [];
  for (const { part, offset } of inPlace(text, parts.policies)) {
    const { json, errors } = { json: undefined, errors: [], ...cedar().policyToJson(part) };
    if (json === undefined) throw invalid("policies", text, errors[0]);
    const id = json.annotations?.["id"] ?? `policy at line ${lineOf(text, offset)}`;
    if (byId.has(id)) throw invalidAt("policies", text, offset, `another policy has the id ${JSON.stringify(id)}`);
    byId.set(id, { text: part, offset });
    named.push(...entityReferences(json));
  }

  const policySet = { staticPolicies: Object.fromEntries([...byId].map(([id, { text }]) => [id, text])) };
  if (schema !== undefined) validate(policySet, { schema, text, offsetOf: (id) => byId.get(id)?.offset ?? 0 });

  // Named by content: Cedar keeps what it was given for as long as the process lives, so the same is given once.
  const policySetName = hash("sha256", JSON.stringify(policySet));
  const prepared = cedar().preparsePolicySet(policySetName, policySet);
  if (prepared.type === "failure") throw invalid("policies", text, prepared.errors[0]);
  const schemaName = schema === undefined ? undefined : hash("sha256", schema);
  if (schema !== undefined && schemaName !== undefined) cedar().preparseSchema(schemaName, schema);
  return { policySetName, schemaName, named };
}

/** Checks entities against the schema. @throws ENTITY_INVALID */
export function validateEntities(entities: EntityJson[], schema: string | undefined): void {
  const answer = cedar().checkParseEntities({ entities, schema: schema ?? null });
  if (answer.type === "success") return;
  const rule = answer.errors.map(({ message }) => message).join("; ");
  throw securityError("ENTITY_INVALID", { entity: /`([^`]+)`/.exec(rule)?.[1] ?? "entities", rule });
}

function validate(
  policies: PolicySet,
  { schema, text, offsetOf }: { schema: string; text: string; offsetOf: (id: string) => number },
): void {
  const answer = cedar().validate({ policies, schema });
  if (answer.type === "failure") throw invalid("policies", text, answer.errors[0]);
  const [first]: (ValidationError | undefined)[] = answer.validationErrors;
  if (first === undefined) return;
  const within = first.error.sourceLocations?.[0]?.start ?? 0;
  throw invalidAt("policies", text, offsetOf(first.policyId) + within, first.error.message);
}

/** Where each policy's text begins; equal texts are found one after another. */
function* inPlace(text: string, parts: readonly string[]): Generator<{ part: string; offset: number }> {
  const next = new Map<string, number>();
  for (const part of parts) {
    const offset = text.indexOf(part, next.get(part) ?? 0);
    next.set(part, offset + 1);
    yield { part, offset: Math.max(0, offset) };
  }
}

function invalid(what: string, text: string, error: DetailedError | undefined): Error {
  const location = error?.sourceLocations?.[0];
  const expected = location?.label === undefined || location.label === null ? "" : `, ${location.label}`;
  return invalidAt(
    what,
    text,
    characterOf(text, location?.start ?? 0),
    `${error?.message ?? "it is refused"}${expected}`,
  );
}

function invalidAt(what: string, text: string, offset: number, reason: string): Error {
  const line = lineOf(text, offset);
  return securityError("POLICY_INVALID", { what, line, text: (text.split("\n")[line - 1] ?? "").trim(), reason });
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** Cedar counts bytes of UTF-8. */
function characterOf(text: string, byte: number): number {
  return Buffer.from(text).subarray(0, byte).toString().length;
}
