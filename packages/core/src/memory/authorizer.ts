import type { AccessRequest, Authorizer } from "../authorizer.ts";

/** One grant; `*` stands for anything. */
export interface Grant {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
}

/** Allows what the list names and refuses everything else. */
export function allowList(grants: readonly Grant[]): Authorizer {
  return {
    decide(request) {
      const index = grants.findIndex((grant) => covers(grant, request));
      const { principal, action, resource } = request;
      return {
        allowed: index >= 0,
        policies: index >= 0 ? [`grant[${index}]`] : [],
        explain: () =>
          index >= 0
            ? `The grant ${index} lets ${principal} do ${action} on ${resource}.`
            : `No grant lets ${principal} do ${action} on ${resource}.`,
      };
    },
  };
}

function covers(grant: Grant, request: AccessRequest): boolean {
  return (["principal", "action", "resource"] as const).every(
    (part) => grant[part] === "*" || grant[part] === request[part],
  );
}
