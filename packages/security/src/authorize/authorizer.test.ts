import { describeAuthorizer } from "@ashlar/core/testing";
import { describe, expect, it } from "vitest";
import { type AuthorizerOptions, createAuthorizer } from "./authorizer.ts";

const policies = `
@id("scientists-promote")
permit (principal in Role::"scientist", action == Action::"Model::promote", resource);

@id("owners-delete")
permit (principal, action == Action::"Model::delete", resource) when { resource.owner == principal };

@id("freeze")
forbid (principal, action, resource in Project::"frozen");

permit (principal == User::"root", action == Action::"Model::read", resource);

@id("lead-of-the-team")
permit (principal, action == Action::"Model::audit", resource) when { Team::"red".lead == principal };
`;
const entities = [
  { id: "User::ada", parents: ["Role::scientist"] },
  { id: "User::bob" },
  { id: "Team::red", attributes: { lead: { __entity: { type: "User", id: "bob" } } } },
  { id: "Model::delay", attributes: { owner: { __entity: { type: "User", id: "bob" } } } },
  { id: "Model::old", parents: ["Project::frozen"], attributes: { owner: { __entity: { type: "User", id: "bob" } } } },
];
const ask = (principal: string, action: string, resource: string) => ({ principal, action, resource });

describeAuthorizer("cedar", {
  create: () => createAuthorizer({ policies, entities }),
  allowed: ask("User::ada", "Model::promote", "Model::delay"),
  refused: ask("User::bob", "Model::promote", "Model::delay"),
});

describe("cedar authorizer", () => {
  const authorizer = createAuthorizer({ policies, entities });

  it.each([
    ["User::ada", "Model::promote", "Model::delay", true, ["scientists-promote"]],
    ["User::bob", "Model::delete", "Model::delay", true, ["owners-delete"]],
    ["User::ada", "Model::delete", "Model::delay", false, []],
    ["User::ada", "Model::promote", "Model::old", false, ["freeze"]],
    ["User::root", "Model::read", "Model::delay", true, ["policy at line 11"]],
    ["User::bob", "Model::audit", "Model::delay", true, ["lead-of-the-team"]],
  ])("%s, %s, %s: %s by %j", (principal, action, resource, allowed, by) => {
    const decision = authorizer.decide(ask(principal, action, resource));
    expect(decision).toMatchObject({ allowed, policies: by });
    const [name] = by;
    const wanted =
      name === undefined ? "No policy permits it" : `${JSON.stringify(name)} ${allowed ? "permits" : "forbids"}`;
    expect(decision.explain()).toContain(wanted);
    expect(decision.explain()).toContain(resource);
  });

  it("refuses where a policy cannot be evaluated, even beside a permit", () => {
    const broken = createAuthorizer({
      policies: `@id("open") permit (principal, action, resource); @id("mfa") forbid (principal, action, resource) unless { context.mfa };`,
    });
    const request = ask("User::ada", "Model::read", "Model::delay");
    expect(broken.decide({ ...request, context: { mfa: true } }).allowed).toBe(true);
    const decision = broken.decide(request);
    expect(decision.allowed).toBe(false);
    expect(decision.explain()).toMatch(/"mfa" failed: .*mfa/);
  });

  it("refuses a context that is not plain data", () => {
    const open = createAuthorizer({ policies: "permit (principal, action, resource);" });
    const request = ask("User::ada", "Model::read", "Model::delay");
    const contexts: Record<string, unknown>[] = [
      JSON.parse('{"__proto__": {"mfa": true}}') as Record<string, unknown>,
      { at: 1.5 },
      { at: 1n },
      { at: new Date() },
      { at: null },
    ];
    for (const context of contexts) expect(open.decide({ ...request, context }).allowed).toBe(false);
    expect(open.decide({ ...request, context: { at: 1, tags: ["a"] } }).allowed).toBe(true);
  });

  it("keeps the names of many policies apart", () => {
    const many = Array.from({ length: 12 }, (_, n) => `permit (principal == User::"u${n}", action, resource);`).join(
      "\n",
    );
    const authorizer = createAuthorizer({ policies: many });
    for (let n = 0; n < 12; n++) {
      const decision = authorizer.decide(ask(`User::u${n}`, "Model::read", "Model::a"));
      expect(decision.policies).toEqual([`policy at line ${n + 1}`]);
    }
  });

  it("asks a function for the entities of each request, and refuses when it fails", () => {
    let roles = ["Role::scientist"];
    const authorizer = createAuthorizer({ policies, entities: ({ principal }) => [{ id: principal, parents: roles }] });
    const request = ask("User::eve", "Model::promote", "Model::delay");
    expect(authorizer.decide(request).allowed).toBe(true);
    roles = [];
    expect(authorizer.decide(request).allowed).toBe(false);
    roles = ["no role"];
    expect(authorizer.decide(request).explain()).toContain("no role");
  });

  it.each<[string, Partial<AuthorizerOptions>, string, RegExp]>([
    [
      "policies that do not parse",
      { policies: "permit (principal,\n  action resource);" },
      "POLICY_INVALID",
      /line 2, "action resource\);"/,
    ],
    ["a template", { policies: "permit (principal == ?principal, action, resource);" }, "POLICY_INVALID", /template/],
    [
      "one id twice",
      { policies: '@id("a") permit (principal, action, resource);\n@id("a") forbid (principal, action, resource);' },
      "POLICY_INVALID",
      /line 2.*the id "a"/,
    ],
    ["a schema that does not parse", { schema: "entity User;\nentity ;" }, "POLICY_INVALID", /schema.*line 2/],
    [
      "policies the schema does not know",
      {
        schema: 'entity User; entity Model; action "Model::read" appliesTo { principal: User, resource: Model };',
        policies: '\n@id("x") permit (principal, action == Action::"Model::write", resource);',
      },
      "POLICY_INVALID",
      /line 2/,
    ],
    ["an entity with a bad id", { entities: [{ id: "User::__proto__" }] }, "ENTITY_INVALID", /__proto__/],
    [
      "an entity with a bad parent",
      { entities: [{ id: "User::ada", parents: ["*"] }] },
      "ENTITY_INVALID",
      /parent "\*"/,
    ],
    ["an entity given twice", { entities: [{ id: "User::ada" }, { id: "User::ada" }] }, "ENTITY_INVALID", /twice/],
    [
      "an attribute named __proto__",
      { entities: [{ id: "User::ada", attributes: JSON.parse('{"__proto__": 1}') as Record<string, unknown> }] },
      "ENTITY_INVALID",
      /__proto__/,
    ],
    [
      "a role that is in itself",
      {
        entities: [
          { id: "Role::a", parents: ["Role::b"] },
          { id: "Role::b", parents: ["Role::a"] },
        ],
      },
      "ENTITY_INVALID",
      /cycle/,
    ],
  ])("refuses %s before anything is decided", (_, options, code, message) => {
    const attempt = (): unknown => createAuthorizer({ policies: "permit (principal, action, resource);", ...options });
    expect(attempt).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) as string }));
  });

  it("holds requests to the schema", () => {
    const authorizer = createAuthorizer({
      schema: 'entity User; entity Model; action "Model::read" appliesTo { principal: User, resource: Model };',
      policies: '@id("read") permit (principal, action == Action::"Model::read", resource);',
    });
    expect(authorizer.decide(ask("User::ada", "Model::read", "Model::a")).allowed).toBe(true);
    expect(authorizer.decide(ask("Model::ada", "Model::read", "Model::a")).allowed).toBe(false);
    expect(authorizer.decide(ask("User::ada", "Model::write", "Model::a")).allowed).toBe(false);
  });
});
