import {
  type Data,
  type DataType,
  Field,
  type FixedSizeList,
  List,
  Map_,
  type RecordBatch,
  Schema,
  Struct,
  Type,
} from "apache-arrow";
import { storageError } from "../errors.ts";
import { arrayOf, bitmapBytes } from "./array.ts";
import { batchOf } from "./batch.ts";

/**
 * The batch with every list of one length as a plain list, which is what tables have: the values are not copied.
 *
 * @throws VALUE_INVALID for a list that has fewer values than its length says
 */
export function withPlainLists(batch: RecordBatch): RecordBatch {
  const { fields, metadata } = batch.schema;
  if (!fields.some(({ type }) => hasFixedLists(type as DataType))) return batch;
  const columns = batch.data.children.map(plain);
  const typed = fields.map((field, i) => retyped(field, columns[i] as Data));
  return batchOf(new Schema(typed, metadata), columns, batch.numRows);
}

const hasFixedLists = (type: DataType): boolean =>
  type.typeId === Type.FixedSizeList ||
  ((type.children ?? []) as readonly Field[]).some((field) => hasFixedLists(field.type as DataType));

const retyped = ({ name, nullable, metadata }: Field, { type }: Data): Field =>
  new Field(name, type, nullable, metadata);

function plain(data: Data): Data {
  const type = data.type as DataType;
  if (!hasFixedLists(type)) return data;
  const children = data.children.map(plain);
  const fields = (type.children as readonly Field[]).map((field, i) => retyped(field, children[i] as Data));
  const clone = (of: DataType): Data => data.clone(of, data.offset, data.length, data.nullCount, undefined, children);
  switch (type.typeId) {
    case Type.Struct:
      return clone(new Struct(fields));
    case Type.List:
      return clone(new List(fields[0] as Field));
    case Type.Map:
      return clone(new Map_(fields[0] as Field, (type as Map_).keysSorted));
    default:
      return listOf(data, (type as FixedSizeList).listSize, fields[0] as Field, children[0] as Data);
  }
}

function listOf(data: Data, width: number, item: Field, values: Data): Data {
  if (values.length < data.length * width) {
    const rule = `${data.length} lists of ${width} need ${data.length * width} values`;
    throw storageError("VALUE_INVALID", { type: String(data.type), value: `${values.length} values`, rule });
  }
  const valueOffsets = new Int32Array(data.length + 1);
  for (let row = 0; row <= data.length; row++) valueOffsets[row] = row * width;
  // The bits of a slice begin at its offset; its lists and values do not.
  const nulls = data.nullCount === 0 ? { nullCount: 0 } : { nullCount: data.nullCount, nullBitmap: bitsOf(data) };
  return arrayOf({ type: new List(item), length: data.length, valueOffsets, children: [values], ...nulls });
}

/** The validity bits of an array, from bit 0 on. */
function bitsOf({ nullBitmap, offset, length }: Data): Uint8Array {
  const bits = new Uint8Array(bitmapBytes(length));
  for (let row = 0; row < length; row++) {
    const at = offset + row;
    if ((((nullBitmap?.[at >> 3] ?? 0) >> (at & 7)) & 1) === 1) {
      bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
    }
  }
  return bits;
}
