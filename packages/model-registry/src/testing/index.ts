export { type ArtifactStoreSuite, describeArtifactStore } from "./artifact-store.ts";
export { describeModelRegistry, type ModelRegistrySuite } from "./model-registry.ts";
