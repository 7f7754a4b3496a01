import {
  columnTypeOf,
  type ColumnType,
  type LakeTable,
  rowsOf,
  type ScanOptions,
  type Value,
} from "@ashlar/storage/lake";

/** The rows of a table in the form that `session.py` gives Spark's, ordered by the column `n`. */
export async function canonicalRows(table: LakeTable, options: ScanOptions = {}): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for await (const batch of table.scan(options)) {
    const types = new Map(batch.schema.fields.map((field) => [field.name, columnTypeOf(field)]));
    for (const row of rowsOf(batch)) {
      rows.push(
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [name, canonical(value, types.get(name) as ColumnType)]),
        ),
      );
    }
  }
  return ordered(rows);
}

/** Rows by the column `n`, nulls first, ties by all of the row. */
export function ordered(rows: Record<string, unknown>[]): Record<string, unknown>[] {
  const key = (row: Record<string, unknown>): string =>
    `${row["n"] === null ? "" : String(row["n"]).padStart(24, "0")} ${JSON.stringify(row)}`;
  return rows.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function canonical(value: Value | null, type: ColumnType): unknown {
  if (value === null) return null;
  if (typeof type === "object") return nested(value, type);
  if (type.startsWith("decimal")) return decimalText(value as bigint, Number(/,\s*(\d+)\)/.exec(type)?.[1] ?? 0));
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (type === "date" || type === "float" || type === "double") return value;
  return typeof value === "bigint" || typeof value === "number" ? String(value) : value;
}

function nested(value: Value, type: Exclude<ColumnType, string>): unknown {
  switch (type.type) {
    case "struct": {
      const fields = value as Readonly<Record<string, Value | null>>;
      return Object.fromEntries(type.fields.map((f) => [f.name, canonical(fields[f.name] ?? null, f.type)]));
    }
    case "array":
      return (value as readonly (Value | null)[]).map((item) => canonical(item, type.elementType));
    case "map": {
      const pairs = value as readonly (readonly [Value, Value | null])[];
      return pairs
        .map(([k, v]) => [canonical(k, type.keyType), canonical(v, type.valueType)])
        .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    }
  }
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return unscaled < 0n ? `-${text}` : text;
}
