import type { FeatureRegistry } from "@ashlar/feature-store/registry";
import { referenceError } from "../../errors.ts";
import type { FeatureWorkspace } from "./open.ts";
import { isoOf, type Outcome, shortHash, textTable } from "./outcome.ts";

/** The revisions of the registry, the versions of one definition, or the profiles that were kept of it, newest first. */
export async function history(
  { registry }: FeatureWorkspace,
  name: string | undefined,
  { limit, profiles }: { readonly limit: number; readonly profiles: boolean },
): Promise<Outcome> {
  if (profiles) return await profilesOf(registry, name, limit);
  if (name !== undefined) {
    const versions = (await registry.versions("view", name)).slice(0, limit);
    const rows = versions.map(({ version, revision, at, by, active }) => [
      shortHash(version),
      revision,
      isoOf(at),
      by,
      active ? "in force" : "",
    ]);
    return { json: versions, text: textTable(["version", "revision", "at", "by", ""], rows) };
  }
  const revisions = await registry.revisions({ limit });
  const rows = revisions.map(({ revision, at, by, message, changes }) => [
    revision,
    isoOf(at),
    by,
    changes.map((change) => `${change.action} ${change.name}`).join(", "),
    message,
  ]);
  const text =
    rows.length === 0 ? "Nothing was ever applied.\n" : textTable(["revision", "at", "by", "changes", "message"], rows);
  return { json: revisions, text };
}

async function profilesOf(registry: FeatureRegistry, name: string | undefined, limit: number): Promise<Outcome> {
  if (name === undefined) {
    throw referenceError("OPTION_INVALID", { option: "--profiles", value: "", rule: "it needs the name of a view" });
  }
  const kept = await registry.profiles(name, { limit });
  const rows = kept.flatMap(({ at, of, version, profile }) =>
    Object.entries(profile.columns).map(([column, found]) => [
      isoOf(at),
      of,
      shortHash(version),
      column,
      found.count,
      found.nulls,
      "mean" in found ? found.mean?.toPrecision(4) : null,
      "quantiles" in found ? found.quantiles["0.5"]?.toPrecision(4) : null,
    ]),
  );
  const heading = ["at", "of", "version", "feature", "rows", "nulls", "mean", "median"];
  const text = rows.length === 0 ? "No profile was kept.\n" : textTable(heading, rows);
  return { json: kept, text };
}
