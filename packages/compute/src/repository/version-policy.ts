import type { VersionPolicy } from "../infer/model-settings.ts";

/** The versions to serve, in ascending order: the last of them is the present one. */
export function chooseVersions(stored: readonly string[], policy: VersionPolicy = { latest: 1 }): string[] {
  const ascending = stored.toSorted((a, b) => Number(a) - Number(b));
  if (policy === "all") return ascending;
  if ("latest" in policy) return ascending.slice(-policy.latest);
  return ascending.filter((version) => policy.specific.includes(version));
}
