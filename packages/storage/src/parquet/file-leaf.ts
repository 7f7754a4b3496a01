import type { SchemaElement } from "hyparquet";
import { storageError } from "../errors.ts";
import { type ColumnType, decimalOf, decimalType, type Scalar, unsupported } from "./column-type.ts";

/** A primitive of a Parquet file: the column type it is read as, and how one of its physical values becomes one of ours. */
export interface Leaf {
  readonly type: ColumnType;
  /** Undefined where the physical value is the value. @throws CODEC_REFUSED for a value that cannot be kept */
  readonly decode: ((physical: never) => Scalar) | undefined;
  /** Values are nanoseconds, of which only whole microseconds can be kept. */
  readonly nanoseconds: boolean;
}

/** How a primitive is read. @throws TYPE_UNSUPPORTED, naming column and type */
export function leafOf(element: SchemaElement, column: string): Leaf {
  const leaf = annotated(element, column) ?? plain(element);
  if (leaf !== undefined) return leaf;
  const named = element.logical_type?.type ?? element.converted_type ?? element.type ?? "unknown";
  throw unsupported(column, named, "Write the file with another type, or read it with another tool.");
}

const as = (type: ColumnType, decode?: Leaf["decode"]): Leaf => ({ type, decode, nanoseconds: false });

const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function plain({ type, converted_type: converted, logical_type: logical }: SchemaElement): Leaf | undefined {
  if (converted !== undefined || logical !== undefined) return undefined;
  switch (type) {
    case "BOOLEAN":
      return as("boolean");
    case "INT32":
      return as("integer");
    case "INT64":
      return as("long");
    case "FLOAT":
      return as("float");
    case "DOUBLE":
      return as("double");
    case "BYTE_ARRAY":
    case "FIXED_LEN_BYTE_ARRAY":
      return as("binary");
    default:
      return undefined;
  }
}

/** By the logical type, which wins, or by the converted type of older writers. */
function annotated(element: SchemaElement, column: string): Leaf | undefined {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (type === "INT96") return { ...as("timestamp", microsOf(column)), nanoseconds: true };
  if (type === "BYTE_ARRAY" && isText(element)) return as("string", (bytes: Uint8Array) => text.decode(bytes));
  if (logical?.type === "DECIMAL" || converted === "DECIMAL") return decimal(element, column);
  if (type !== "INT32" && type !== "INT64") return undefined;
  if (logical?.type === "TIMESTAMP") {
    const own = logical.isAdjustedToUTC ? "timestamp" : "timestamp_ntz";
    if (logical.unit === "NANOS") return { ...as(own, microsOf(column)), nanoseconds: true };
    return as(own, logical.unit === "MILLIS" ? microsOfMillis(column) : undefined);
  }
  if (logical?.type === "DATE" || converted === "DATE") return as("date");
  if (logical?.type === "INTEGER") return integer(logical.bitWidth, logical.isSigned);
  if (converted === "TIMESTAMP_MICROS") return as("timestamp");
  if (converted === "TIMESTAMP_MILLIS") return as("timestamp", microsOfMillis(column));
  const width = /^(U?)INT_(8|16|32|64)$/.exec(converted ?? "");
  return width === null ? undefined : integer(Number(width[2]), width[1] === "");
}

function isText({ converted_type: converted, logical_type: logical }: SchemaElement): boolean {
  return ["UTF8", "ENUM", "JSON"].includes(converted ?? "") || ["STRING", "ENUM", "JSON"].includes(logical?.type ?? "");
}

/** An unsigned integer is read as the next wider signed one, as Spark does. */
function integer(width: number, signed: boolean): Leaf | undefined {
  const known: Record<number, Leaf> = signed
    ? { 8: as("byte"), 16: as("short"), 32: as("integer"), 64: as("long") }
    : {
        8: as("short"),
        16: as("integer"),
        32: as("long", (value: number) => BigInt(value >>> 0)),
        64: as("decimal(20,0)", (value: bigint) => BigInt.asUintN(64, value)),
      };
  return known[width];
}

function decimal({ type, logical_type: logical, precision, scale }: SchemaElement, column: string): Leaf {
  const digits =
    logical?.type === "DECIMAL"
      ? { precision: logical.precision, scale: logical.scale }
      : { precision: precision ?? 0, scale: scale ?? 0 };
  const name = decimalType(digits);
  if (decimalOf(name) === undefined) throw unsupported(column, name, "Write it with 38 digits at most.");
  if (type === "INT32") return as(name, (value: number) => BigInt(value));
  if (type === "INT64") return as(name);
  if (type === "BYTE_ARRAY" || type === "FIXED_LEN_BYTE_ARRAY") return as(name, bigEndian);
  throw unsupported(column, `${name} in ${type}`, "Write the file with another tool.");
}

function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.byteLength * 8, value);
}

const microsOf = (column: string) => (nanos: bigint) => {
  if (nanos % 1000n !== 0n) throw lost(column, `${nanos} ns, which is no whole number of microseconds`);
  return nanos / 1000n;
};

const microsOfMillis = (column: string) => (millis: bigint) => {
  const micros = millis * 1000n;
  if (BigInt.asIntN(64, micros) !== micros) throw lost(column, `${millis} ms, which is beyond 64 bits of microseconds`);
  return micros;
};

function lost(column: string, value: string): Error {
  return storageError("CODEC_REFUSED", {
    codec: "reader",
    what: `the timestamp ${value}, in the column "${column}"`,
    remedy: "Write the file with microseconds, or leave the column out.",
  });
}
