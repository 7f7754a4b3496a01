import { setTimeout as sleep } from "node:timers/promises";
import type { StepContext } from "@ashlar/orchestration";
import { Client } from "undici";
import { askedFor } from "../serve/requests.ts";
import type { Platform } from "../wire/platform.ts";
import { modelName } from "./register.ts";

/** What can be shown at the end. */
export interface Proven {
  readonly entries: number;
  readonly verified: boolean;
  readonly problems: readonly string[];
  readonly refusals: readonly { readonly principal: string; readonly action: string; readonly resource: string }[];
  readonly lineage: readonly { readonly from: string; readonly to: string; readonly relation: string }[];
}

/** Tries what is forbidden, verifies the audit log from its files alone, and reads the lineage back. */
export async function prove(
  platform: Platform,
  { version }: { version: number },
  context: StepContext,
): Promise<Proven> {
  await knockOnClosedDoors(platform);
  const refusals = await recordedRefusals(platform);
  context.progress(0.3, "verifying the audit log");
  const { ok, size, problems } = await platform.verifyAudit();
  const node = `model:${modelName}/${version}`;
  const origins = await platform.registry.lineage(node, { direction: "upstream", depth: 8 });
  const uses = await platform.registry.lineage(node, { direction: "downstream", depth: 8 });
  return {
    entries: size,
    verified: ok,
    problems,
    refusals,
    lineage: [...origins.edges, ...uses.edges],
  };
}

/** Requests that must be refused: each leaves its entry in the log. */
const closedDoors = [
  { principal: "Service::checkout", method: "GET", path: "/audit/entries" },
  { principal: "Service::checkout", method: "GET", path: "/registry/models" },
  { principal: "User::ada", method: "GET", path: "/audit/entries" },
  { principal: undefined, method: "GET", path: "/workflows/runs" },
] as const;

/** Every refusal until now, when those of the closed doors are among them: an entry follows the answer it is of. */
async function recordedRefusals(platform: Platform): Promise<Proven["refusals"]> {
  for (let attempt = 1; ; attempt++) {
    const refusals = await platform.refusals();
    const missing = closedDoors.find(
      ({ principal = "Anonymous::unknown", ...asked }) =>
        !refusals.some((entry) => entry.principal === principal && entry.action === askedFor(asked).action),
    );
    if (missing === undefined) return refusals;
    if (attempt === 100) throw new Error(`the refusal of ${missing.method} ${missing.path} is not in the audit log`);
    await sleep(50);
  }
}

async function knockOnClosedDoors(platform: Platform): Promise<void> {
  for (const { principal, method, path } of closedDoors) {
    const { origin, ca, token } = await platform.clientOf(principal ?? "Service::checkout");
    const client = new Client(origin, { connect: { ca } });
    try {
      const headers = principal === undefined ? {} : { authorization: `Bearer ${token}` };
      const { statusCode, body } = await client.request({ method, path, headers });
      await body.dump();
      const expected = principal === undefined ? 401 : 403;
      if (statusCode !== expected)
        throw new Error(
          `${method} ${path} as ${principal ?? "nobody"} was answered with ${statusCode}, not ${expected}`,
        );
    } finally {
      await client.close();
    }
  }
}
