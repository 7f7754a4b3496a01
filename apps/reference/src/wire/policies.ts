import type { EntityData } from "@ashlar/security/authorize";

/** Who may do what, in Cedar. Nothing is allowed that no policy permits, and a `forbid` wins. */
export const policies = `
@id("everyone known may ask for predictions and features")
permit (principal, action in [Action::"Prediction::ask", Action::"Inference::ask", Action::"Features::read"], resource)
when { principal in Role::"service" || principal in Role::"scientist" || principal in Role::"admin" };

@id("scientists read the registry, the workflows and the metrics")
permit (principal in Role::"scientist", action in [Action::"Registry::read", Action::"Workflow::read", Action::"Metrics::read"], resource);

@id("scientists promote, and the registry checks gates and approvals")
permit (principal in Role::"scientist", action == Action::"Registry::promote", resource);

@id("approvers read the registry and approve")
permit (principal in Role::"approver", action in [Action::"Registry::read", Action::"Registry::approve"], resource);

@id("the pipeline registers versions")
permit (principal in Role::"pipeline", action in [Action::"Registry::read", Action::"Registry::register"], resource);

@id("admins read everything and stop workflows")
permit (
  principal in Role::"admin",
  action in [Action::"Registry::read", Action::"Workflow::read", Action::"Workflow::cancel", Action::"Audit::read", Action::"Metrics::read"],
  resource
);

@id("who approves does not promote")
forbid (principal in Role::"approver", action == Action::"Registry::promote", resource);
`;

/** The identities of the reference app, and their roles. */
export const people = {
  admin: { principal: "User::root", role: "Role::admin" },
  scientist: { principal: "User::ada", role: "Role::scientist" },
  approver: { principal: "User::grace", role: "Role::approver" },
  service: { principal: "Service::checkout", role: "Role::service" },
  pipeline: { principal: "Service::pipeline", role: "Role::pipeline" },
} as const;

export type Principal = (typeof people)[keyof typeof people]["principal"];

export const entities: readonly EntityData[] = Object.values(people).map(({ principal, role }) => ({
  id: principal,
  parents: [role],
}));
