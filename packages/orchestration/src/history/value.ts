import { deserialize, serialize } from "node:v8";

/** The largest step result that is kept in the database; larger ones belong in an artifact store. */
const maxValueBytes = 1024 * 1024;

/**
 * Encodes a value by the structured clone algorithm, so that dates, maps, big integers and typed arrays come back as
 * they were.
 *
 * @returns the bytes, or the reason why the value cannot be kept
 */
export function encodeValue(value: unknown): Uint8Array | string {
  let bytes: Uint8Array;
  try {
    bytes = serialize(value);
  } catch (error) {
    return (error as Error).message;
  }
  return bytes.byteLength <= maxValueBytes
    ? bytes
    : `it takes ${bytes.byteLength} bytes, and ${maxValueBytes} are allowed`;
}

export function decodeValue(bytes: unknown): unknown {
  return bytes instanceof Uint8Array ? deserialize(bytes) : undefined;
}
