export { describeAuditSink } from "./audit-sink.ts";
export { describeAuthorizer } from "./authorizer.ts";
export { describeCipher, describeSeekableCipher } from "./cipher.ts";
export { describeClock } from "./clock.ts";
export { describeKeyProvider } from "./key-provider.ts";
export { describeLineageSink } from "./lineage-sink.ts";
export { describeObjectStore, type ObjectStoreSuite } from "./object-store.ts";
export { describeSecretSource } from "./secret-source.ts";
