import { createAuthorizer } from "@ashlar/security/authorize";
import { describe, expect, test } from "vitest";
import { entities, people, policies } from "../wire/policies.ts";
import { askedFor } from "./requests.ts";

type Name = keyof typeof people;
const authorizer = createAuthorizer({ policies, entities });
const names = Object.keys(people) as readonly Name[];
const askers: readonly Name[] = ["admin", "scientist", "service"];

/** Who is let through; everybody else is refused. */
const table: readonly (readonly [method: string, path: string, allowed: readonly Name[]])[] = [
  ["POST", "/predict", askers],
  ["GET", "/v2/models/delay", askers],
  ["POST", "/v2/models/delay/infer", askers],
  ["GET", "/v2/health/ready", askers],
  ["GET", "/v2", askers],
  ["POST", "/features/read", askers],
  ["GET", "/registry/models", ["admin", "scientist", "approver", "pipeline"]],
  ["POST", "/registry/models/delay/aliases", ["scientist"]],
  ["GET", "/audit/entries", ["admin"]],
  ["GET", "/audit/verify", ["admin"]],
  ["GET", "/workflows/runs", ["admin", "scientist"]],
  ["POST", "/workflows/runs/1/cancel", ["admin"]],
  ["GET", "/metrics", ["admin", "scientist"]],
  ["GET", "/unheard-of", []],
  ["GET", "/predictions", []],
];

describe("over HTTP", () => {
  test.each(table)("%s %s is for %j alone", (method, path, allowed) => {
    const { action, resource } = askedFor({ method, path });
    for (const name of names) {
      const decision = authorizer.decide({ principal: people[name].principal, action, resource });
      expect([name, decision.allowed]).toEqual([name, allowed.includes(name)]);
    }
    const stranger = authorizer.decide({ principal: "User::mallory", action, resource });
    expect(stranger.allowed).toBe(false);
  });
});

test.each([
  ["Registry::register", ["pipeline"]],
  ["Registry::promote", ["scientist"]],
  ["Registry::approve", ["approver"]],
] as const)("in the registry, %s is for %j alone", (action, allowed) => {
  const passed: Name[] = [];
  for (const name of names) {
    const request = { principal: people[name].principal, action, resource: "Model::delay" };
    if (authorizer.decide(request).allowed) passed.push(name);
  }
  expect(passed).toEqual(allowed);
});

test("a model asked for by its own path is the resource", () => {
  expect(askedFor({ method: "POST", path: "/v2/models/delay/infer" }).resource).toBe("Model::delay");
});
