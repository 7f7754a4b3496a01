import { type Data, DataType, Vector } from "apache-arrow";

/**
 * The text of one value of an Arrow column of any type: different values of one type have different texts. Times and integers
 * stand as they are stored, whatever their unit, since the getters of Arrow make doubles of them.
 */
export function exactText(data: Data, row: number): string {
  const type = data.type as DataType;
  if (DataType.isNull(type) || !data.getValid(row)) return "null";
  if (DataType.isDictionary(type)) return exactText(...placeIn(data.dictionary as Vector, Number(data.values[row])));
  if (DataType.isStruct(type)) return `{${data.children.map((child) => exactText(child, row)).join()}}`;
  if (DataType.isList(type) || DataType.isMap(type)) {
    const offsets = data.valueOffsets as Int32Array;
    return itemsText(data, offsets[row] as number, offsets[row + 1] as number);
  }
  if (DataType.isFixedSizeList(type)) return itemsText(data, row * type.listSize, (row + 1) * type.listSize);
  if (isStoredAsIs(type)) return String((data.values as BigInt64Array)[row]);
  return textOf(new Vector([data]).get(row));
}

function itemsText(data: Data, start: number, end: number): string {
  const items = data.children[0] as Data;
  return `[${Array.from({ length: end - start }, (_, i) => exactText(items, start + i)).join()}]`;
}

/** Integers, and times that are integers of one word. */
const isStoredAsIs = (type: DataType): boolean =>
  DataType.isInt(type) ||
  DataType.isTimestamp(type) ||
  DataType.isDate(type) ||
  DataType.isTime(type) ||
  DataType.isDuration(type);

function placeIn(vector: Vector, index: number): [Data, number] {
  let rest = index;
  for (const data of vector.data) {
    if (rest < data.length) return [data, rest];
    rest -= data.length;
  }
  throw new RangeError(`a dictionary of ${vector.length} values has none of number ${index}`);
}

function textOf(value: unknown): string {
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
  }
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? `${inner}n` : inner));
}
