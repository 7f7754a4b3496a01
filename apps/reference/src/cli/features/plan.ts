import { readFileSync } from "node:fs";
import { isAshlarError } from "@ashlar/core";
import type { RegistryPlan } from "@ashlar/feature-store/registry";
import { referenceError } from "../../errors.ts";
import type { FeatureWorkspace } from "./open.ts";
import { isoOf, type Outcome, shortHash, textTable } from "./outcome.ts";

/** What would change were the definitions of this code applied. */
export async function plan({ registry, views }: FeatureWorkspace): Promise<Outcome> {
  const made = await registry.plan({ views });
  return { json: made, text: planText(made), found: made.changes.length > 0 };
}

export interface ApplyOptions {
  readonly by: string;
  readonly message: string;
  /** A file that `plan --json` wrote; without one it is planned anew. */
  readonly plan?: string;
}

export async function apply({ registry, views }: FeatureWorkspace, options: ApplyOptions): Promise<Outcome> {
  const made = options.plan === undefined ? await registry.plan({ views }) : planIn(options.plan);
  const revision = await registry.apply(made, { by: options.by, message: options.message });
  const json = { revision, changes: made.changes.length, digest: made.digest };
  return { json, text: `${planText(made)}The registry is at revision ${revision}.\n` };
}

function planIn(file: string): RegistryPlan {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as RegistryPlan;
  } catch (error) {
    if (isAshlarError(error)) throw error;
    const rule = `it must be a file that "plan --json" wrote (${(error as Error).message})`;
    throw referenceError("OPTION_INVALID", { option: "--plan", value: file, rule });
  }
}

function planText({ changes, cost }: RegistryPlan): string {
  if (changes.length === 0) return "Nothing would change.\n";
  const rows = changes.map(({ action, kind, name, from, to, features, options, backfill, affects }) => [
    action,
    `${kind} ${name}`,
    `${shortHash(from)} > ${shortHash(to)}`,
    [
      ...features.added.map((each) => `+${each}`),
      ...features.changed.map((each) => `~${each}`),
      ...features.removed.map((each) => `-${each}`),
      ...options.map((each) => `~(${each})`),
    ].join(" ") || "-",
    backfill === null ? "-" : `${isoOf(backfill.from)} to ${isoOf(backfill.until)}`,
    affects.length === 0 ? "-" : affects.join(" "),
  ]);
  const heading = ["action", "definition", "version", "features", "backfill", "affects"];
  const count = (value: number | null, unit: string): string => `${value?.toLocaleString("en") ?? "unknown"} ${unit}`;
  return `${textTable(heading, rows)}To read: ${count(cost.rows, "rows")}, ${count(cost.bytes, "bytes")}.\n`;
}
