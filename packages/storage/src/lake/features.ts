import type { Action, Protocol } from "./actions.ts";
import { mappingModeKey, typeChangesKey } from "./column-mapping.ts";
import { hasInCommitTimestamps } from "./in-commit-timestamp.ts";
import { ownProtocol, withFeatures } from "./protocol.ts";
import { featuresOfColumns } from "./schema.ts";
import { type Definition, definitionOf } from "./state.ts";

/** The table features that columns and properties put to work. */
export function featuresAtWork({ columns, configuration }: Pick<Definition, "columns" | "configuration">): string[] {
  const on = (key: string): boolean => configuration[key]?.toLowerCase() === "true";
  const widened = columns.some((column) => typeChangesKey in column.metadata);
  return [
    ...featuresOfColumns(columns),
    ...(on("delta.appendOnly") ? ["appendOnly"] : []),
    ...(on("delta.enableChangeDataFeed") ? ["changeDataFeed"] : []),
    ...(hasInCommitTimestamps(configuration) ? ["inCommitTimestamp"] : []),
    ...(on("delta.enableDeletionVectors") ? ["deletionVectors"] : []),
    ...(on("delta.enableTypeWidening") || widened ? ["typeWidening"] : []),
    ...(["name", "id"].includes(configuration[mappingModeKey] ?? "") ? ["columnMapping"] : []),
  ];
}

/** The actions with the protocol that their metadata needs, where the table has a lesser one. */
export function withProtocol(protocol: Protocol | undefined, actions: readonly Action[]): readonly Action[] {
  const metaData = actions.find((action) => action.metaData !== undefined)?.metaData;
  if (metaData === undefined) return actions;
  const given = actions.find((action) => action.protocol !== undefined)?.protocol;
  const definition = definitionOf(metaData, "the new version");
  const upgraded = withFeatures(given ?? protocol ?? ownProtocol, featuresAtWork(definition));
  if (upgraded === undefined) return actions;
  return [{ protocol: upgraded }, ...actions.filter((action) => action.protocol === undefined)];
}
