import { computeError } from "../errors.ts";

export type ScalarType = "string" | "bytes" | "bool" | "int32" | "uint32" | "int64" | "uint64" | "float" | "double";

/** A field of a protocol buffer message. A map has string keys, and its type is that of the values. */
export interface Field {
  readonly id: number;
  readonly type: ScalarType | MessageSchema;
  readonly label?: "repeated" | "map";
}

export interface MessageSchema {
  readonly [name: string]: Field;
}

/** Whole numbers of 64 bits are bigints where a number would lose digits. */
export type Scalar = string | boolean | number | bigint | Uint8Array;
export interface Message {
  readonly [name: string]: Scalar | Message | readonly (Scalar | Message)[] | undefined;
}

const varint = 0;
const fixed64 = 1;
const bytes = 2;
const fixed32 = 5;

const wireTypes: Readonly<Record<ScalarType, number>> = {
  string: bytes,
  bytes,
  bool: varint,
  int32: varint,
  uint32: varint,
  int64: varint,
  uint64: varint,
  float: fixed32,
  double: fixed64,
};

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads a message. Fields that are not in the schema are passed over, repeated fields and maps that are absent are
 * empty, and other absent fields are undefined. Bytes are views of the input.
 *
 * @throws PROTOCOL_REQUEST_INVALID
 */
export function decodeMessage(schema: MessageSchema, input: Uint8Array): Message {
  const fields = new Map(Object.entries(schema).map(([name, field]) => [field.id, [name, field] as const]));
  const lists: Record<string, (Scalar | Message)[]> = {};
  const maps: Record<string, Record<string, Scalar | Message | undefined>> = {};
  const message: Record<string, Message[string]> = {};
  for (const [name, { label }] of Object.entries(schema)) {
    if (label === "repeated") message[name] = lists[name] = [];
    else if (label === "map") message[name] = maps[name] = Object.create(null) as Record<string, Message>;
  }
  const reader = new Reader(input);
  while (!reader.done) {
    const tag = Number(reader.varint());
    const [name, field] = fields.get(Math.floor(tag / 8)) ?? [];
    if (name === undefined || field === undefined) {
      reader.skip(tag % 8);
      continue;
    }
    const list = lists[name];
    const map = maps[name];
    if (list !== undefined) readRepeated(reader, field, tag % 8, list);
    else if (map !== undefined) {
      const entry = decodeMessage(
        { key: { id: 1, type: "string" }, value: { id: 2, type: field.type } },
        reader.bytes(),
      );
      map[String(entry["key"] ?? "")] = entry["value"] as Message;
    } else message[name] = readValue(reader, field.type, tag % 8);
  }
  return message;
}

function readRepeated(reader: Reader, { type }: Field, wireType: number, list: (Scalar | Message)[]): void {
  const packed = wireType === bytes && typeof type === "string" && wireTypes[type] !== bytes;
  if (!packed) {
    list.push(readValue(reader, type, wireType));
    return;
  }
  const inner = new Reader(reader.bytes());
  while (!inner.done) list.push(readValue(inner, type, wireTypes[type as ScalarType]));
}

function readValue(reader: Reader, type: Field["type"], wireType: number): Scalar | Message {
  if (typeof type !== "string") {
    if (wireType !== bytes) throw malformed(`a message has the wire type ${wireType}`);
    return decodeMessage(type, reader.bytes());
  }
  if (wireType !== wireTypes[type]) throw malformed(`a ${type} has the wire type ${wireType}`);
  switch (type) {
    case "string":
      return text(reader.bytes());
    case "bytes":
      return reader.bytes();
    case "bool":
      return reader.varint() !== 0;
    case "int32":
      return Number(BigInt.asIntN(32, BigInt(reader.varint())));
    case "uint32":
      return Number(BigInt.asUintN(32, BigInt(reader.varint())));
    case "int64":
    case "uint64":
      return exact(reader.varint(), type);
    case "float":
      return reader.float();
    case "double":
      return reader.double();
  }
}

function text(value: Uint8Array): string {
  try {
    return utf8.decode(value);
  } catch {
    throw malformed("a string is not UTF-8");
  }
}

function exact(value: number | bigint, type: "int64" | "uint64"): number | bigint {
  if (typeof value === "number") return value;
  const wide = type === "int64" ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  const number = Number(wide);
  return Number.isSafeInteger(number) ? number : wide;
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(input: Uint8Array) {
    this.#bytes = input;
    this.#view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  }

  get done(): boolean {
    return this.#position >= this.#bytes.byteLength;
  }

  /** A number as long as that is exact. */
  varint(): number | bigint {
    let value = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    let wide = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      wide |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, wide);
    }
    throw malformed("an integer is longer than ten bytes");
  }

  bytes(): Uint8Array {
    return this.#take(Number(this.varint()));
  }

  float(): number {
    this.#take(4);
    return this.#view.getFloat32(this.#position - 4, true);
  }

  double(): number {
    this.#take(8);
    return this.#view.getFloat64(this.#position - 8, true);
  }

  skip(wireType: number): void {
    if (wireType === varint) this.varint();
    else if (wireType === fixed64) this.#take(8);
    else if (wireType === bytes) this.bytes();
    else if (wireType === fixed32) this.#take(4);
    else throw malformed(`there is a field of wire type ${wireType}`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#position++];
    if (byte === undefined) throw malformed("an integer is cut off");
    return byte;
  }

  #take(length: number): Uint8Array {
    const left = this.#bytes.byteLength - this.#position;
    if (length > left) throw malformed(`a field of ${length} bytes runs past the end, ${left} bytes on`);
    this.#position += length;
    return this.#bytes.subarray(this.#position - length, this.#position);
  }
}

/** Writes a message. Fields that are undefined are left out. */
export function encodeMessage(schema: MessageSchema, message: Message): Buffer<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  writeMessage(schema, message, parts);
  return Buffer.concat(parts);
}

function writeMessage(schema: MessageSchema, message: Message, parts: Uint8Array[]): void {
  for (const [name, { id, type, label }] of Object.entries(schema)) {
    const value = message[name];
    if (value === undefined) continue;
    if (label === "repeated") writeRepeated(id, type, value as readonly (Scalar | Message)[], parts);
    else if (label === "map") {
      const entry = { key: { id: 1, type: "string" }, value: { id: 2, type } } as const;
      for (const [key, inner] of Object.entries(value as Message)) {
        writeBytes(id, encodeMessage(entry, { key, value: inner }), parts);
      }
    } else writeField(id, type, value as Scalar | Message, parts);
  }
}

function writeRepeated(
  id: number,
  type: Field["type"],
  values: readonly (Scalar | Message)[],
  parts: Uint8Array[],
): void {
  if (typeof type !== "string" || wireTypes[type] === bytes) {
    for (const value of values) writeField(id, type, value, parts);
  } else if (values.length > 0) {
    writeBytes(id, Buffer.concat(values.map((value) => scalarBytes(type, value as Scalar))), parts);
  }
}

function writeField(id: number, type: Field["type"], value: Scalar | Message, parts: Uint8Array[]): void {
  if (typeof type !== "string") writeBytes(id, encodeMessage(type, value as Message), parts);
  else if (type === "bytes") writeBytes(id, value as Uint8Array, parts);
  else if (type === "string") writeBytes(id, Buffer.from(value as string), parts);
  else parts.push(varintBytes(id * 8 + wireTypes[type]), scalarBytes(type, value as Scalar));
}

function writeBytes(id: number, value: Uint8Array, parts: Uint8Array[]): void {
  parts.push(varintBytes(id * 8 + bytes), varintBytes(value.byteLength), value);
}

function scalarBytes(type: ScalarType, value: Scalar): Uint8Array {
  if (type === "float" || type === "double") {
    const buffer = Buffer.alloc(type === "float" ? 4 : 8);
    if (type === "float") buffer.writeFloatLE(value as number);
    else buffer.writeDoubleLE(value as number);
    return buffer;
  }
  return varintBytes(type === "bool" ? Number(value) : (value as number | bigint));
}

function varintBytes(value: number | bigint): Uint8Array {
  const out: number[] = [];
  if (typeof value === "number" && value >= 0 && value < 2 ** 53) {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80);
    out.push(rest);
  } else {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
    out.push(Number(rest));
  }
  return Uint8Array.from(out);
}

function malformed(what: string): Error {
  return computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "the message is a whole protocol buffer" });
}
