import type { Field } from "apache-arrow";

/** Where Arrow keeps the id of a Parquet field, at any depth: the convention of the Arrow project. */
export const fieldIdKey = "PARQUET:field_id";

/** The id a field is to have in the file. Delta's column mapping finds columns by it. */
export function fieldIdOf(field: Field): number | undefined {
  const id = Number(field.metadata.get(fieldIdKey) ?? Number.NaN);
  return Number.isSafeInteger(id) ? id : undefined;
}
