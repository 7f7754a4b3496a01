import type { FeatureWorkspace } from "./open.ts";
import { isoOf, type Outcome, shortHash, textTable } from "./outcome.ts";

/** The revisions of the registry, or the versions of one definition, newest first. */
export async function history(
  { registry }: FeatureWorkspace,
  name: string | undefined,
  { limit }: { readonly limit: number },
): Promise<Outcome> {
  if (name !== undefined) {
    const versions = await registry.versions("view", name);
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
