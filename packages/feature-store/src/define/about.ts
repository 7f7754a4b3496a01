import { featureStoreError } from "../errors.ts";

/** What people say about a definition. It is no part of its version. */
export interface About {
  readonly owner: string | undefined;
  readonly description: string | undefined;
  /** Sorted, each once. */
  readonly tags: readonly string[];
}

export interface AboutOptions {
  /** Who answers for it: a team or a person. */
  readonly owner?: string;
  readonly description?: string;
  /** Words to find it by; default none. */
  readonly tags?: readonly string[];
}

/** @throws DEFINITION_INVALID unless each is a text of 1 to 4096 characters */
export function about(of: string, { owner, description, tags = [] }: AboutOptions): About {
  for (const value of [owner, description, ...tags]) {
    if (value === undefined || (typeof value === "string" && value.length > 0 && value.length <= 4096)) continue;
    const rule = "an owner, a description and a tag are texts of 1 to 4096 characters";
    throw featureStoreError("DEFINITION_INVALID", { of, value, rule });
  }
  return { owner, description, tags: [...new Set(tags)].sort() };
}
