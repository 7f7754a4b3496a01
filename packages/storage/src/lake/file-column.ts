import { type Data, DataType, Field, List, Map_, Struct } from "apache-arrow";
import { arrowTypeOf } from "../parquet/arrow-type.ts";
import { constantData } from "../parquet/batch.ts";
import { type ColumnType, isNested, type NestedType, sameType, type StructField } from "../parquet/column-type.ts";
import { fieldIdKey } from "../parquet/field-id.ts";
import { columnIdKey, physicalName } from "./column-mapping.ts";
import { mapFields } from "./schema-type.ts";
import type { TableColumn } from "./schema.ts";
import { widened, widens } from "./widen.ts";

/** A column as it stands in files: "Writer Requirements for Column Mapping" of the protocol asks for names and ids. */
export function fileColumn(column: TableColumn): TableColumn {
  const inFile = named(column);
  return { ...inFile, type: mapFields(inFile.type, named) };
}

/** A column, or a field within one, with its name and id in files. */
function named(field: StructField): StructField {
  const id = field.metadata[columnIdKey];
  const metadata = id === undefined ? field.metadata : { ...field.metadata, [fieldIdKey]: id };
  return { ...field, name: physicalName(field), metadata };
}

/** Values of a table under the names of the file's type; of their types, naive timestamps alone become the file's. */
export function toFile(data: Data, type: DataType): Data {
  if (DataType.isTimestamp(type) && DataType.isTimestamp(data.type)) {
    return type.unit === data.type.unit ? data.clone(type) : data;
  }
  const own = data.type as DataType;
  if (!DataType.isStruct(type) && !DataType.isList(type) && !DataType.isMap(type)) return data;
  const children = data.children.map((child, index) => toFile(child, type.children[index]?.type ?? child.type));
  const fields = children.map((child, index) => {
    const given = type.children[index] ?? own.children?.[index];
    return new Field(given?.name ?? "", child.type, given?.nullable, given?.metadata);
  });
  return withChildren(data, nestedOf(own, fields), children);
}

function nestedOf(type: DataType, fields: Field[]): DataType {
  const [first] = fields;
  if (DataType.isStruct(type) || first === undefined) return new Struct(fields);
  return DataType.isMap(type) ? new Map_(first as ConstructorParameters<typeof Map_>[0]) : new List(first);
}

const withChildren = (data: Data, type: DataType, children: Data[]): Data =>
  data.clone(type, data.offset, data.length, data.nullCount, undefined, children);

/**
 * Whether what a file holds can be read as a type of the table: the same, a narrower one, naive timestamps as UTC. Fields
 * of a struct are found by their names in files; those that the file is older than are null.
 */
export function readsAs(found: ColumnType, wanted: ColumnType): boolean {
  if (!isNested(found) || !isNested(wanted)) {
    return sameType(found, wanted) || widens(found, wanted) || (found === "timestamp_ntz" && wanted === "timestamp");
  }
  if (found.type === "struct" && wanted.type === "struct") {
    return wanted.fields.every((field) => {
      const own = found.fields.find(({ name }) => name === physicalName(field));
      return own === undefined ? field.nullable : readsAs(own.type, field.type);
    });
  }
  if (found.type === "array" && wanted.type === "array") return readsAs(found.elementType, wanted.elementType);
  if (found.type !== "map" || wanted.type !== "map") return false;
  return readsAs(found.keyType, wanted.keyType) && readsAs(found.valueType, wanted.valueType);
}

/** Values of a file as those of a type of the table that they can be read as. */
export function fromFile(data: Data, found: ColumnType, wanted: ColumnType): Data {
  if (isNested(found) && isNested(wanted)) return nestedFromFile(data, found, wanted);
  return widens(found, wanted) ? widened(data, found, wanted) : data.clone(arrowTypeOf(wanted));
}

function nestedFromFile(data: Data, found: NestedType, wanted: NestedType): Data {
  const type = arrowTypeOf(wanted);
  const [first] = data.children;
  if (found.type === "struct" && wanted.type === "struct") {
    // Parts of a view may be longer than the view.
    const length = first?.length ?? data.offset + data.length;
    const children = wanted.fields.map((field) => fieldFromFile(data, found.fields, field, length));
    return withChildren(data, type, children);
  }
  if (found.type === "array" && wanted.type === "array" && first !== undefined) {
    return withChildren(data, type, [fromFile(first, found.elementType, wanted.elementType)]);
  }
  if (found.type === "map" && wanted.type === "map" && first !== undefined) {
    const [keys, values] = first.children as [Data, Data];
    const pair = [fromFile(keys, found.keyType, wanted.keyType), fromFile(values, found.valueType, wanted.valueType)];
    return withChildren(data, type, [withChildren(first, type.children[0]?.type as DataType, pair)]);
  }
  return data.clone(type);
}

function fieldFromFile(data: Data, fields: readonly StructField[], wanted: StructField, length: number): Data {
  const at = fields.findIndex(({ name }) => name === physicalName(wanted));
  const [own, child] = [fields[at], data.children[at]];
  if (own === undefined || child === undefined) return constantData(wanted.type, null, length);
  return fromFile(child, own.type, wanted.type);
}
