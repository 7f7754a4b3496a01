import { type ColumnType, decimalOf, isNested, type NestedType, type Value } from "./column-type.ts";

/** A value as the library's vectors take it. */
export function itemOf(type: ColumnType): (value: Value) => unknown {
  if (isNested(type)) return nestedItemOf(type);
  if (decimalOf(type) !== undefined) return (value) => ({ value });
  switch (type) {
    case "binary":
      return (bytes) => ({ bytes });
    case "date":
      return (days) => ({ days });
    case "timestamp":
    case "timestamp_ntz":
      return (micros) => ({ micros });
    default:
      return (value) => value;
  }
}

function nestedItemOf(type: NestedType): (value: Value) => unknown {
  switch (type.type) {
    case "struct": {
      const fields = type.fields.map((field) => [field.name, nullable(itemOf(field.type))] as const);
      return (value) => ({
        entries: Object.fromEntries(
          fields.map(([name, item]) => [name, item((value as Readonly<Record<string, Value | null>>)[name] ?? null)]),
        ),
      });
    }
    case "array": {
      const item = nullable(itemOf(type.elementType));
      return (value) => ({ items: (value as readonly (Value | null)[]).map(item) });
    }
    case "map": {
      const [key, item] = [itemOf(type.keyType), nullable(itemOf(type.valueType))];
      return (value) => ({
        entries: (value as readonly (readonly [Value, Value | null])[]).map((pair) => ({
          key: key(pair[0]),
          value: item(pair[1]),
        })),
      });
    }
  }
}

function nullable(item: (value: Value) => unknown): (value: Value | null) => unknown {
  return (value) => (value === null ? null : item(value));
}
