import type { Bytes } from "@ashlar/core";
import type { Digest } from "../artifact/index.ts";
import { escapeRule } from "../artifact/file-name.ts";
import { unknownMediaType } from "../artifact/manifest.ts";
import { storageError } from "../errors.ts";
import type { Json } from "../parquet/json-text.ts";

/** What its owner says of a blob: a JSON object. */
export type BlobMetadata = Readonly<Record<string, Json>>;

/** A blob as it is given. */
export interface BlobInput {
  /** Names it in the table, e.g. `cats/1.jpg`: relative, with `/` between parts, at most 1024 bytes of UTF-8. */
  readonly path: string;
  /** A stream is not held in memory. */
  readonly body: Bytes;
  /** @default "application/octet-stream" */
  readonly mediaType?: string;
  /** @default {} */
  readonly metadata?: BlobMetadata;
}

/** A row of the table. */
export interface BlobInfo {
  readonly path: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly mediaType: string;
  /** The key of the bytes in the object store of the artifacts. */
  readonly location: string;
  /** When it was put, epoch milliseconds. */
  readonly modified: number;
  readonly metadata: BlobMetadata;
}

/** RFC 6838, section 4.2, and parameters. */
const mediaTypes = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[^"\\]*"))*$/;

/** A blob that was checked, with what is not known of it before it is stored. */
export type CheckedBlob = Required<BlobInput>;

/** @throws BLOB_INVALID */
export function checkedBlob({ path, body, mediaType = unknownMediaType, metadata = {} }: BlobInput): CheckedBlob {
  const rule = typeof path === "string" ? escapeRule(path) : "it is no text";
  if (rule !== undefined) throw invalid(path, "path", path, rule);
  if (!mediaTypes.test(mediaType)) {
    throw invalid(path, "mediaType", mediaType, 'it is not of the form "type/subtype" of RFC 6838');
  }
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
    throw invalid(path, "metadata", metadata, "it is not an object");
  }
  return { path, body, mediaType, metadata: plain(path, metadata) };
}

/** As it will be read again. */
function plain(path: string, metadata: BlobMetadata): BlobMetadata {
  try {
    return JSON.parse(JSON.stringify(metadata)) as BlobMetadata;
  } catch (error) {
    throw invalid(path, "metadata", "the object given", (error as Error).message);
  }
}

export function invalid(path: string, field: string, value: unknown, rule: string): Error {
  return storageError("BLOB_INVALID", { path, field, value, rule });
}
