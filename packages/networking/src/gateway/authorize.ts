import type { Authorizer, Decision, Logger } from "@ashlar/core";
import { networkingError } from "../errors.ts";
import type { RequestInfo } from "./route.ts";

/** What a request means in the terms of a policy. */
export interface Asked {
  /** `Type::verb`, e.g. `Model::infer`. */
  readonly action: string;
  /** `Type::id`, e.g. `Model::delay`. */
  readonly resource: string;
  readonly context?: Readonly<Record<string, unknown>>;
}

export interface Authorization {
  readonly authorizer: Authorizer;
  readonly request: (info: RequestInfo) => Asked;
}

/**
 * Lets the request pass or throws. Anything that goes wrong while deciding is a refusal.
 *
 * @throws FORBIDDEN
 */
export async function authorize(rule: Authorization, info: RequestInfo, logger: Logger): Promise<void> {
  const principal = info.principal as string;
  let asked: Asked = { action: "unknown", resource: "unknown" };
  let decision: Decision;
  try {
    asked = rule.request(info);
    decision = await rule.authorizer.decide({ principal, ...asked });
  } catch (error) {
    logger.error({ route: info.route, error }, "the authorizer failed");
    const explanation = "the decision could not be made";
    throw networkingError("FORBIDDEN", { ...named(principal, asked), explanation }, { cause: error });
  }
  if (decision.allowed !== true) {
    throw networkingError("FORBIDDEN", { ...named(principal, asked), explanation: decision.explain() });
  }
}

function named(
  principal: string,
  { action, resource }: Asked,
): { principal: string; action: string; resource: string } {
  return { principal, action, resource };
}
