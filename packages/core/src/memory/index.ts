export { type MemoryAuditSink, memoryAuditSink } from "./audit-sink.ts";
export { allowList, type Grant } from "./authorizer.ts";
export { type ManualClock, manualClock } from "./clock.ts";
export { memoryKeyProvider } from "./key-provider.ts";
export { type MemoryLineageSink, memoryLineageSink } from "./lineage-sink.ts";
export { memoryObjectStore } from "./object-store.ts";
export { memorySecretSource } from "./secret-source.ts";
