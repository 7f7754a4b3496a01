import type { SearchRequest } from "@ashlar/feature-store/registry";
import type { FeatureWorkspace } from "./open.ts";
import { type Outcome, shortHash, textTable } from "./outcome.ts";

/** Definitions in force by part of a name, entity, owner or tag. */
export async function search({ registry }: FeatureWorkspace, request: SearchRequest): Promise<Outcome> {
  const page = await registry.search(request);
  const rows = page.items.map(({ kind, name, version, entities, features, source, about }) => [
    `${kind} ${name}`,
    shortHash(version),
    entities.join(" ") || "-",
    Object.keys(features).length,
    source,
    about.owner,
    about.tags.join(" ") || "-",
  ]);
  const heading = ["definition", "version", "entities", "features", "source", "owner", "tags"];
  const text = rows.length === 0 ? "Nothing was found.\n" : textTable(heading, rows);
  return { json: page, text: page.next === undefined ? text : `${text}More: --cursor ${page.next}\n` };
}
