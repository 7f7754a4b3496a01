export type { Duration } from "../duration.ts";
export type { Collected, CollectOptions, CollectResult, Roots } from "./collect.ts";
export type { Digest } from "./digest.ts";
export type { Descriptor, Manifest } from "./manifest.ts";
export type { FileInput, ManifestInput } from "./manifests.ts";
export {
  type ArtifactStore,
  type ArtifactStoreOptions,
  type CallOptions,
  createArtifactStore,
  type PutBlobOptions,
  type StoredBlob,
} from "./store.ts";
export type { Upload, UploadOptions, UploadPart } from "./upload.ts";
