import { describe, expect, it } from "vitest";
import type { AccessRequest, Authorizer } from "../authorizer.ts";

export interface AuthorizerSuite {
  /** An authorizer under which `allowed` is allowed and `refused` is not. */
  readonly create: () => Authorizer | Promise<Authorizer>;
  readonly allowed: AccessRequest;
  readonly refused: AccessRequest;
}

/** The contract of `Authorizer`. */
export function describeAuthorizer(name: string, suite: AuthorizerSuite): void {
  describe(`${name}: authorizer`, () => {
    it("allows what its policies allow, and names them", async () => {
      const decision = await (await suite.create()).decide(suite.allowed);
      expect(decision.allowed).toBe(true);
      expect(decision.policies).not.toHaveLength(0);
      expect(decision.explain()).not.toBe("");
    });

    it("refuses the rest, and says so", async () => {
      const decision = await (await suite.create()).decide(suite.refused);
      expect(decision.allowed).toBe(false);
      expect(decision.explain()).toContain(suite.refused.principal);
    });

    it.each(["", "nobody", "User::", "::x", "User::__proto__", 'User::"a"', "*"])(
      "refuses the principal %j",
      async (principal) => {
        const decision = await (await suite.create()).decide({ ...suite.allowed, principal });
        expect(decision.allowed).toBe(false);
      },
    );
  });
}
