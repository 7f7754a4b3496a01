import { type ErrorFactory, errorFactory } from "@ashlar/core";

/** Errors of this package. A ciphertext that does not open is DECRYPTION_FAILED of core. */
export const securityErrors = {
  INVALID_OPTION: {
    status: 400,
    retryable: false,
    message: (d: { option: string; value: string; rule: string }): string =>
      `The option ${d.option} is ${d.value}, but ${d.rule}. Correct it; nothing was done.`,
  },
  ENCRYPTION_CONTEXT_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { name: string; rule: string }): string =>
      `The encryption context pair ${JSON.stringify(d.name)} is not allowed: ${d.rule}. Use short, well-formed strings.`,
  },
  MESSAGE_TOO_LONG: {
    status: 413,
    retryable: false,
    message: (d: { segments: number; segmentSize: number }): string =>
      `The message has more than ${d.segments} segments of ${d.segmentSize} bytes, the limit of one key. Split it, or use larger segments.`,
  },
  KEY_RING_UNUSABLE: {
    status: 500,
    retryable: false,
    message: (d: { path: string; reason: string }): string =>
      `The key ring ${d.path} cannot be used: ${d.reason}. Restore it, or give another path; nothing was overwritten.`,
  },
  KMS_REFUSED: {
    status: 403,
    retryable: false,
    message: (d: { operation: string; keyId: string; reason: string }): string =>
      `The key service refused ${d.operation} with the key ${d.keyId}: ${d.reason}. Check the key, its state and the permissions.`,
  },
  KMS_UNAVAILABLE: {
    status: 503,
    retryable: true,
    message: (d: { operation: string; keyId: string; reason: string }): string =>
      `The key service did not answer ${d.operation} with the key ${d.keyId}: ${d.reason}. Try again later.`,
  },
  LIBRARY_MISSING: {
    status: 500,
    retryable: false,
    message: (d: { library: string; range: string }): string =>
      `The library ${d.library} is not installed. Run \`npm install ${d.library}@${d.range}\`, or hand in what it exports.`,
  },
  POLICY_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { what: string; line: number; text: string; reason: string }): string =>
      `The ${d.what} cannot be used: line ${d.line}, ${JSON.stringify(d.text)}: ${d.reason}. Correct it; no decision was made with it.`,
  },
  ENTITY_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { entity: string; rule: string }): string =>
      `The entity ${JSON.stringify(d.entity)} is not allowed: ${d.rule}. Correct the entity data.`,
  },
  ACCESS_DENIED: {
    status: 403,
    retryable: false,
    message: (d: { principal: string; action: string; resource: string; explanation: string }): string =>
      `Refused: ${d.explanation} Ask for the permission, or use another identity.`,
  },
  AUDIT_UNAVAILABLE: {
    status: 503,
    retryable: true,
    message: (d: { reason: string }): string =>
      `The audit log cannot take records: ${d.reason}. The action was not done; restore the log and try again.`,
  },
  AUDIT_INCOMPLETE: {
    status: 500,
    retryable: false,
    message: (d: { action: string; resource: string; outcome: string }): string =>
      `${d.action} on ${d.resource} has ${d.outcome}, but this could not be recorded. Do not repeat it; restore the audit log.`,
  },
  AUDIT_EVENT_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { field: string; rule: string }): string =>
      `The audit event cannot be recorded: ${d.field} ${d.rule}. Correct the event; nothing was written.`,
  },
  AUDIT_LOG_IN_USE: {
    status: 409,
    retryable: true,
    message: (d: { log: string }): string =>
      `Another writer has the audit log ${d.log}. A log has one writer: close the other, or use another place.`,
  },
  AUDIT_LOG_CORRUPT: {
    status: 500,
    retryable: false,
    message: (d: { log: string; problem: string }): string =>
      `The audit log ${d.log} is not as it was written: ${d.problem}. Run verifyAuditLog and restore it; nothing was changed.`,
  },
  PROOF_OUT_OF_RANGE: {
    status: 416,
    retryable: false,
    message: (d: { asked: string; size: number }): string =>
      `The audit log has ${d.size} entries, so there is no ${d.asked}. Ask within its size.`,
  },
  NOTE_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { what: string; reason: string }): string =>
      `The ${d.what} is not valid: ${d.reason}. Use the signed text, or the key, exactly as it was published.`,
  },
  SIGNING_KEY_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { key: string; rule: string }): string =>
      `The key ${d.key} cannot be used: ${d.rule}. Give a KeyObject or a JWK of an Ed25519, P-256 or RSA key.`,
  },
  TOKEN_INVALID: {
    status: 401,
    retryable: false,
    message: (d: { reason: string }): string => `The token is refused: ${d.reason}. Sign in again to get a new one.`,
  },
  SECRETS_UNUSABLE: {
    status: 500,
    retryable: false,
    message: (d: { path: string; reason: string }): string =>
      `The secrets file ${d.path} cannot be used: ${d.reason}. Restore it, or check the key; nothing was overwritten.`,
  },
} as const;

/** @see securityErrors */
export const securityError: ErrorFactory<typeof securityErrors> = errorFactory("security", securityErrors);
