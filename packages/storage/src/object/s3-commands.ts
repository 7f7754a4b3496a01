import { storageError } from "../errors.ts";

interface ObjectName {
  readonly Bucket: string;
  readonly Key: string;
}

interface Upload extends ObjectName {
  readonly UploadId: string;
}

interface Condition {
  readonly IfNoneMatch?: string;
  readonly IfMatch?: string;
}

interface Marked {
  readonly Metadata?: Record<string, string>;
}

interface Part {
  readonly ETag: string;
  readonly PartNumber: number;
  ChecksumCRC32?: string;
}

interface Page {
  readonly Bucket: string;
  readonly Prefix: string;
  readonly EncodingType: "url";
  readonly MaxKeys: number;
  readonly StartAfter?: string;
  readonly ContinuationToken?: string;
}

type Command<Input> = new (input: Input) => object;

/** The command classes of `@aws-sdk/client-s3` that are needed, with the part of their inputs that is used. */
export interface S3Commands {
  readonly GetObjectCommand: Command<ObjectName & { readonly Range?: string }>;
  readonly HeadObjectCommand: Command<ObjectName>;
  readonly PutObjectCommand: Command<ObjectName & Condition & Marked & { readonly Body: Uint8Array }>;
  readonly DeleteObjectCommand: Command<ObjectName>;
  readonly ListObjectsV2Command: Command<Page>;
  readonly CreateMultipartUploadCommand: Command<ObjectName & Marked>;
  readonly UploadPartCommand: Command<Upload & { readonly PartNumber: number; readonly Body: Uint8Array }>;
  readonly CompleteMultipartUploadCommand: Command<
    Upload & Condition & { readonly MultipartUpload: { Parts: Part[] } }
  >;
  readonly AbortMultipartUploadCommand: Command<Upload>;
}

/** Imports the commands. @throws LIBRARY_MISSING */
export async function loadS3Commands(
  load: () => Promise<S3Commands> = () => import("@aws-sdk/client-s3"),
): Promise<S3Commands> {
  try {
    return await load();
  } catch (cause) {
    const details = { name: "@aws-sdk/client-s3", range: "^3", needed: "The s3() object store" };
    throw storageError("LIBRARY_MISSING", details, { cause });
  }
}
