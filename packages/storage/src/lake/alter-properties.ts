import { storageError } from "../errors.ts";
import { enableMapping, type AlteredTable } from "./alter-columns.ts";
import { mappingModeKey } from "./column-mapping.ts";
import { parseInterval } from "./time.ts";

/** As Spark reads it: whole numbers and whole words. */
const interval = (value: string): boolean =>
  /^\s*(interval\s+)?(\d+\s+[a-z]{3,}\s*)+$/i.test(value) && parseInterval(value) !== undefined;
const flag = (value: string): boolean => value === "true" || value === "false";
const count = (value: string): boolean => /^[1-9]\d{0,8}$/.test(value);
const text = (): boolean => true;

/** The properties of Delta that mean something here, and what they may be. */
const known: Readonly<Record<string, (value: string) => boolean>> = {
  "delta.appendOnly": flag,
  "delta.checkpointInterval": count,
  "delta.checkpointPolicy": (value) => value === "classic",
  "delta.columnMapping.mode": (value) => value === "name",
  "delta.dataSkippingNumIndexedCols": text,
  "delta.dataSkippingStatsColumns": text,
  "delta.deletedFileRetentionDuration": interval,
  "delta.enableChangeDataFeed": flag,
  "delta.enableDeletionVectors": flag,
  "delta.enableExpiredLogCleanup": flag,
  "delta.enableInCommitTimestamps": flag,
  "delta.enableTypeWidening": flag,
  "delta.isolationLevel": (value) => value === "WriteSerializable" || value === "Serializable",
  "delta.logRetentionDuration": interval,
  "delta.targetFileSize": text,
};

/**
 * Sets table properties. Those that begin with `delta.` must be known here, as they bind every writer; others are free.
 *
 * @throws ALTER_INVALID
 */
export function setProperties(
  table: string,
  altered: AlteredTable,
  properties: Readonly<Record<string, string | number | boolean | null>>,
): AlteredTable {
  const configuration: Record<string, string> = { ...altered.configuration };
  for (const [name, given] of Object.entries(properties)) {
    const value = given === null ? null : String(given);
    assertProperty(table, name, value);
    if (value === null) delete configuration[name];
    else configuration[name] = value;
  }
  const set = { ...altered, configuration };
  return configuration[mappingModeKey] === "name" ? enableMapping(set) : set;
}

function assertProperty(table: string, name: string, value: string | null): void {
  if (name === "") throw storageError("ALTER_INVALID", { table, problem: "a property has no name" });
  if (name.startsWith("ashlar.")) {
    throw storageError("ALTER_INVALID", { table, problem: `the property ${name} is set with expect` });
  }
  if (!name.startsWith("delta.")) return;
  const allows = known[name];
  const shown = `the property ${name}`;
  if (allows === undefined) {
    throw storageError("ALTER_INVALID", { table, problem: `${shown} is not one that this library can honour` });
  }
  if (value === null && name === mappingModeKey) {
    throw storageError("ALTER_INVALID", { table, problem: `${shown} cannot be taken away again` });
  }
  if (value === null || allows(value)) return;
  throw storageError("ALTER_INVALID", { table, problem: `${shown} cannot be ${JSON.stringify(value)}` });
}
