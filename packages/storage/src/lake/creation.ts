import type { Action } from "./actions.ts";
import { ownProtocol } from "./protocol.ts";
import { schemaString, type TableColumn } from "./schema.ts";

/** The actions with which a table begins. */
export function creationActions(
  definition: {
    readonly columns: readonly TableColumn[];
    readonly partitionBy: readonly string[];
    /** Table properties. @default none */
    readonly configuration?: Readonly<Record<string, string>>;
  },
  now: number,
): Action[] {
  const metaData = {
    id: crypto.randomUUID(),
    format: { provider: "parquet", options: {} },
    schemaString: schemaString(definition.columns),
    partitionColumns: definition.partitionBy,
    configuration: definition.configuration ?? {},
    createdTime: now,
  };
  return [{ protocol: ownProtocol }, { metaData }];
}
