export type { BlobInfo, BlobInput, BlobMetadata } from "./blob.ts";
export {
  type BlobTable,
  type BlobTableOptions,
  type ListOptions,
  openBlobTable,
  type StoredBlobBody,
} from "./table.ts";
