import { type Data, DataType, Field, makeData, RecordBatch, Schema, Struct, Utf8 } from "apache-arrow";

/**
 * The batch with dictionaries of strings written out, so that batches which were encoded each by itself are of one schema and
 * give the same bytes wherever they were cut.
 */
export function withPlainStrings(batch: RecordBatch): RecordBatch {
  if (!batch.schema.fields.some(({ type }) => isCoded(type))) return batch;
  const children = batch.data.children.map((data) => (isCoded(data.type) ? plain(data) : data));
  const fields = batch.schema.fields.map(({ name, nullable, metadata }, i) => {
    return new Field(name, (children[i] as Data).type, nullable, metadata);
  });
  const schema = new Schema(fields, batch.schema.metadata);
  const struct = makeData({ type: new Struct(fields), length: batch.numRows, nullCount: 0, children });
  return new RecordBatch(schema, struct);
}

const isCoded = (type: DataType): boolean => DataType.isDictionary(type) && DataType.isUtf8(type.dictionary);

function plain(data: Data): Data<Utf8> {
  const words = Array.from(data.dictionary ?? [], (word) => Buffer.from(String(word)));
  const codes = data.values as Int32Array;
  const valueOffsets = new Int32Array(data.length + 1);
  for (let row = 0; row < data.length; row++) {
    const size = data.getValid(row) ? (words[Number(codes[row])]?.length ?? 0) : 0;
    valueOffsets[row + 1] = (valueOffsets[row] as number) + size;
  }
  const bytes = new Uint8Array(valueOffsets[data.length] as number);
  const nullBitmap = new Uint8Array(((data.length + 63) >> 6) << 3);
  for (let row = 0; row < data.length; row++) {
    if (!data.getValid(row)) continue;
    bytes.set(words[Number(codes[row])] as Buffer, valueOffsets[row]);
    nullBitmap[row >> 3] = (nullBitmap[row >> 3] as number) | (1 << (row & 7));
  }
  const { length, nullCount } = data;
  return makeData({ type: new Utf8(), length, nullCount, nullBitmap, valueOffsets, data: bytes });
}
