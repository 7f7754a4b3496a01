import { type ColumnType, isNested, type StructField } from "../parquet/column-type.ts";

/** Characters with a meaning in the text of a Parquet schema, which Delta Lake takes in mapped columns only. */
const mappedOnly = " ,;{}()\n\t=";
const mapping = 'alter({ properties: { "delta.columnMapping.mode": "name" }, add: [...] })';

/**
 * What speaks against the names of a new column and of the fields within it, with the rule and the remedy; undefined
 * when nothing does. Columns that a table has already may be called anything: other engines hold to other rules.
 *
 * @param mapped whether the table maps its columns, so that their names do not stand in files
 */
export function nameProblem({ name, type }: Pick<StructField, "name" | "type">, mapped: boolean): string | undefined {
  for (const part of [name, ...fieldNames(type)]) {
    const of = part === name ? "" : ` of a field within the column ${JSON.stringify(name)}`;
    const shown = `the name ${JSON.stringify(part)}${of}`;
    // UTF-8 has no bytes for half of a pair, and DuckDB ends a name at a zero.
    if (!part.isWellFormed()) return `${shown} has a lone surrogate, which no file can hold: take another name`;
    if (part.includes("\0")) return `${shown} has a zero character, which not every engine reads: take another name`;
    const character = mapped ? undefined : [...part].find((one) => mappedOnly.includes(one));
    if (character === undefined) continue;
    const rule = `none of ${JSON.stringify(mappedOnly)} may be in a name without column mapping`;
    return `${shown} has the character ${JSON.stringify(character)}, and ${rule}: take another name, or map the columns of the table as you add it, with ${mapping}`;
  }
  return undefined;
}

function* fieldNames(type: ColumnType): Generator<string> {
  if (!isNested(type)) return;
  if (type.type === "array") yield* fieldNames(type.elementType);
  else if (type.type === "map") {
    yield* fieldNames(type.keyType);
    yield* fieldNames(type.valueType);
  } else {
    for (const field of type.fields) {
      yield field.name;
      yield* fieldNames(field.type);
    }
  }
}
