import type { AccessRequest, Authorizer, Decision } from "@ashlar/core";
import type { AuthorizationError, Context } from "@cedar-policy/cedar-wasm/nodejs";
import { cedar } from "./cedar.ts";
import {
  brokenValueRule,
  type EntityData,
  entityReferences,
  type EntityStore,
  entityStore,
  reachable,
} from "./entities.ts";
import { type CedarId, parseEntityId } from "./entity-id.ts";
import { preparePolicies, type PreparedPolicies, validateEntities } from "./policies.ts";

export interface AuthorizerOptions {
  /** Cedar policies as text. `@id("name")` names a policy in explanations. */
  readonly policies: string;
  /** A Cedar schema as text: policies, entities and requests are checked against it. @default none */
  readonly schema?: string;
  /**
   * Who is in which role, and what things have for attributes; or a function that looks up those of one request, which
   * is then called with each.
   * @default []
   */
  readonly entities?: readonly EntityData[] | ((request: AccessRequest) => readonly EntityData[]);
}

/** Decides at once, without a promise. */
export interface CedarAuthorizer extends Authorizer {
  decide(request: AccessRequest): Decision;
}

/**
 * Decides with Cedar. An action `Model::promote` is `Action::"Model::promote"` in policies. A `forbid` wins over every
 * `permit`; without a `permit` the answer is no; and where a policy fails while it is evaluated, the answer is no too,
 * which is stricter than Cedar: a `forbid` that fails must not let anybody in.
 *
 * @throws POLICY_INVALID, ENTITY_INVALID
 */
export function createAuthorizer({ policies, schema, entities = [] }: AuthorizerOptions): CedarAuthorizer {
  const prepared = preparePolicies(policies, schema);
  const checked = (data: readonly EntityData[]): EntityStore => {
    const store = entityStore(data);
    validateEntities([...store.values()], schema);
    return store;
  };
  const fixed = typeof entities === "function" ? undefined : checked(entities);
  return {
    decide(request) {
      try {
        const store = fixed ?? (typeof entities === "function" ? entityStore(entities(request)) : entityStore([]));
        return decide(request, { prepared, store });
      } catch (error) {
        return refused(request, `The decision failed: ${(error as Error).message}.`);
      }
    },
  };
}

function decide(
  request: AccessRequest,
  { prepared, store }: { prepared: PreparedPolicies; store: EntityStore },
): Decision {
  const ids: CedarId[] = [];
  for (const part of ["principal", "action", "resource"] as const) {
    const id = parseEntityId(request[part]);
    if (typeof id === "string")
      return refused(request, `The ${part} ${JSON.stringify(request[part])} is refused: ${id}.`);
    ids.push(id);
  }
  const [principal, , resource] = ids as [CedarId, CedarId, CedarId];
  const { context = {} } = request;
  const rule = brokenValueRule(context);
  if (rule !== undefined) return refused(request, `The context of the request is refused: ${rule}.`);

  const action = { type: "Action", id: request.action };
  const start = [principal, action, resource, ...prepared.named, ...entityReferences(context)];
  const answer = cedar().statefulIsAuthorized({
    principal,
    action,
    resource,
    context: context as Context,
    preparsedPolicySetId: prepared.policySetName,
    ...(prepared.schemaName === undefined ? {} : { preparsedSchemaName: prepared.schemaName, validateRequest: true }),
    entities: reachable(store, start),
  });
  if (answer.type === "failure") return refused(request, `${answer.errors.map(({ message }) => message).join("; ")}.`);
  const { decision, diagnostics } = answer.response;
  if (diagnostics.errors.length > 0) return refused(request, failures(diagnostics.errors), diagnostics.reason);
  const reasons = [...diagnostics.reason].sort();
  if (decision === "deny" && reasons.length === 0) return refused(request, "No policy permits it.");
  return decided(request, { allowed: decision === "allow", policies: reasons });
}

function decided(
  { principal, action, resource }: AccessRequest,
  { allowed, policies }: { allowed: boolean; policies: readonly string[] },
): Decision {
  const names = policies.map((id) => JSON.stringify(id)).join(", ");
  const [subject, verb] =
    policies.length === 1
      ? ["The policy", allowed ? "permits" : "forbids"]
      : ["The policies", allowed ? "permit" : "forbid"];
  return {
    allowed,
    policies,
    explain: () => `${subject} ${names} ${verb} ${principal} to do ${action} on ${resource}.`,
  };
}

function refused(
  { principal, action, resource }: AccessRequest,
  reason: string,
  policies: readonly string[] = [],
): Decision {
  return { allowed: false, policies, explain: () => `${principal} may not do ${action} on ${resource}. ${reason}` };
}

function failures(errors: readonly AuthorizationError[]): string {
  const each = errors.map(({ policyId, error }) => `the policy ${JSON.stringify(policyId)} failed: ${error.message}`);
  return `Nothing is allowed where a policy cannot be evaluated: ${each.join("; ")}.`;
}
