import type { Authorizer } from "@ashlar/core";
import { featureStoreError } from "../errors.ts";
import type { PlannedChange, RegistryPlan } from "./plan.ts";

const types = { view: "FeatureView", service: "FeatureService" } as const;

/** Asks whether a principal may make every change of a plan. @throws ACCESS_DENIED at the first one refused */
export async function assertPermitted(authorizer: Authorizer, principal: string, plan: RegistryPlan): Promise<void> {
  for (const change of plan.changes) {
    const action = `Feature::${change.action}`;
    const resource = `${types[change.kind]}::${change.name}`;
    const reason = await refusal(authorizer, { principal, action, resource, context: versionsOf(change) });
    if (reason !== undefined) throw featureStoreError("ACCESS_DENIED", { principal, action, resource, reason });
  }
}

function versionsOf({ from, to }: PlannedChange): Readonly<Record<string, string>> {
  return { ...(from == null ? {} : { from }), ...(to == null ? {} : { to }) };
}

/** Why not; an authorizer that fails refuses. */
async function refusal(
  authorizer: Authorizer,
  request: Parameters<Authorizer["decide"]>[0],
): Promise<string | undefined> {
  try {
    const decision = await authorizer.decide(request);
    return decision.allowed ? undefined : decision.explain();
  } catch {
    return "the decision could not be made.";
  }
}
