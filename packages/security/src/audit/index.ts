export { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
export { encodeEvent } from "./event.ts";
export { type AuditEntry, type AuditLog, type AuditLogOptions, type AuditLogPlace, createAuditLog } from "./log.ts";
export { leafHash } from "./merkle.ts";
export { ed25519Signer, type NoteSigner } from "./note.ts";
export { type ConsistencyProof, type InclusionProof, verifyConsistency, verifyInclusion } from "./proof.ts";
export { type AuditVerification, verifyAuditLog, type VerifyAuditLogOptions } from "./verify.ts";
