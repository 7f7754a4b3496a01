import type { Authorizer } from "@ashlar/core";
import { featureStoreError } from "../errors.ts";
import type { TrainingManifest } from "../training/manifest.ts";
import type { LineageEdge } from "./lineage.ts";
import type { PlannedChange, RegistryPlan } from "./plan.ts";
import type { ProfileRecord } from "./profiles.ts";

const types = { view: "FeatureView", service: "FeatureService" } as const;

/** Something that is done to a resource. */
export interface Act {
  /** `Feature::<verb>` */
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, string>>;
}

/** Asks whether a principal may do all of it. @throws ACCESS_DENIED at the first act refused */
export async function assertPermitted(authorizer: Authorizer, principal: string, acts: readonly Act[]): Promise<void> {
  for (const act of acts) {
    const reason = await refusal(authorizer, { principal, ...act });
    if (reason === undefined) continue;
    throw featureStoreError("ACCESS_DENIED", { principal, action: act.action, resource: act.resource, reason });
  }
}

export const actsOfPlan = ({ changes }: RegistryPlan): Act[] =>
  changes.map((change) => ({
    action: `Feature::${change.action}`,
    resource: `${types[change.kind]}::${change.name}`,
    context: versionsOf(change),
  }));

/** An edge says something of what was made. */
export const actsOfEdges = (edges: readonly LineageEdge[]): Act[] =>
  edges.map(({ from, to }) => ({ action: "Feature::link", resource: `FeatureLineage::${to}`, context: { from } }));

export function actsOfTrainingSet({ digest, service, views }: TrainingManifest, model: string | undefined): Act[] {
  const made = model === undefined ? { digest } : { digest, model };
  const act = (resource: string, version: string): Act => ({
    action: "Feature::recordTrainingSet",
    resource,
    context: { version, ...made },
  });
  if (service !== null) return [act(`${types.service}::${service.name}`, service.version)];
  return Object.entries(views).map(([name, version]) => act(`${types.view}::${name}`, version));
}

export const actsOfProfile = ({ view, version, of }: Pick<ProfileRecord, "view" | "version" | "of">): Act[] => [
  { action: "Feature::recordProfile", resource: `${types.view}::${view}`, context: { version, of } },
];

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
