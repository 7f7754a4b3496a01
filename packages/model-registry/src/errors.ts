import { type ErrorFactory, errorFactory } from "@ashlar/core";

/** Every error this package throws on purpose. */
export const registryErrors = {
  REQUEST_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { field: string; value: string; rule: string }): string =>
      `The ${d.field} ${d.value} is not allowed: ${d.rule}. Correct it; nothing was changed.`,
  },
  FILE_NAME_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { file: string; rule: string }): string =>
      `The file name ${JSON.stringify(d.file)} is not allowed in a model: ${d.rule}. Use relative, slash-separated names that differ on every file system.`,
  },
  ONNX_INVALID: {
    status: 422,
    retryable: false,
    message: (d: { file: string; reason: string }): string =>
      `The file "${d.file}" is not an ONNX model that can be read: ${d.reason}. Export it again; no version was made.`,
  },
  MODEL_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { model: string }): string =>
      `There is no model "${d.model}". Register a version of it, or list the models to see those there are.`,
  },
  VERSION_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { model: string; number: number }): string =>
      `The model "${d.model}" has no version ${d.number}. List its versions to see those there are.`,
  },
  VERSION_DELETED: {
    status: 410,
    retryable: false,
    message: (d: { model: string; number: number }): string =>
      `Version ${d.number} of "${d.model}" was deleted; its number is never used again. Use another version.`,
  },
  VERSION_IN_USE: {
    status: 409,
    retryable: false,
    message: (d: { model: string; number: number; references: readonly string[] }): string =>
      `Version ${d.number} of "${d.model}" is still referred to by ${d.references.join(", ")}. Move or remove these first; nothing was deleted.`,
  },
  MODEL_IN_USE: {
    status: 409,
    retryable: false,
    message: (d: { model: string; references: readonly string[] }): string =>
      `The model "${d.model}" is still referred to by ${d.references.join(", ")}. Move or remove these first; nothing was deleted.`,
  },
  ALIAS_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { model: string; alias: string }): string =>
      `The model "${d.model}" has no alias "${d.alias}". Promote a version to it, or list the aliases to see those there are.`,
  },
  ALIAS_CONFLICT: {
    status: 409,
    retryable: false,
    message: (d: {
      model: string;
      alias: string;
      expected: number | null;
      current: number | null;
      revision: number;
    }): string =>
      `The alias "${d.alias}" of "${d.model}" was expected to point to ${target(d.expected)}, and it points to ${target(d.current)} (revision ${d.revision}). Read it again and decide anew.`,
  },
  ALIAS_CONTENDED: {
    status: 409,
    retryable: true,
    message: (d: { model: string; alias: string; attempts: number }): string =>
      `Aliases of "${d.model}" moved during each of ${d.attempts} evaluations of the gates for "${d.alias}". Try again when fewer promotions run at once.`,
  },
  GATE_FAILED: {
    status: 422,
    retryable: false,
    message: (d: {
      gate: string;
      value: number | string | null;
      bound: number | string | null;
      reason: string;
      results: readonly object[];
    }): string =>
      `The gate ${d.gate} did not pass: ${d.reason} (value ${d.value ?? "none"}, bound ${d.bound ?? "none"}). The alias was not moved.`,
  },
  APPROVAL_INVALID: {
    status: 403,
    retryable: false,
    message: (d: { approval: string; by: string; rule: string }): string =>
      `The approval ${d.approval} by "${d.by}" does not count: ${d.rule}. Ask somebody else to approve; nothing was changed.`,
  },
  APPROVALS_MISSING: {
    status: 403,
    retryable: false,
    message: (d: { model: string; alias: string; needed: number; given: number }): string =>
      `The alias "${d.alias}" of "${d.model}" needs approvals by ${d.needed} different people, and ${d.given} were given. Ask for approvals; nothing was changed.`,
  },
  ROLLBACK_IMPOSSIBLE: {
    status: 409,
    retryable: false,
    message: (d: { model: string; alias: string; reason: string }): string =>
      `The alias "${d.alias}" of "${d.model}" cannot be rolled back: ${d.reason}. Promote a version instead.`,
  },
  IDEMPOTENCY_CONFLICT: {
    status: 409,
    retryable: false,
    message: (d: { key: string; first: string }): string =>
      `The idempotency key "${d.key}" belongs to another request: ${d.first}. Use another key for this one.`,
  },
  ARTIFACT_MISSING: {
    status: 500,
    retryable: false,
    message: (d: { digest: string; file: string }): string =>
      `The bytes ${d.digest} of "${d.file}" are not in the artifact store. Restore them from a copy, or register the model again.`,
  },
  ARTIFACT_CORRUPT: {
    status: 500,
    retryable: false,
    message: (d: { digest: string; file: string; actual: string }): string =>
      `The artifact "${d.file}" must have the digest ${d.digest}, and its bytes give ${d.actual}. Do not use it; restore it from a copy.`,
  },
  SIGNING_KEY_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { key: string; rule: string }): string =>
      `The ${d.key} key cannot be used for signatures of models: ${d.rule}. Generate one, e.g. with openssl ecparam -name prime256v1 -genkey.`,
  },
  SIGNING_FAILED: {
    status: 500,
    retryable: false,
    message: (d: { model: string; keyHint: string }): string =>
      `What the signer gave for "${d.model}" is not a DER-encoded ECDSA signature by the key ${d.keyHint}. Check that it holds the private half of its public key; no version was made.`,
  },
  SIGNATURE_MISSING: {
    status: 403,
    retryable: false,
    message: (d: { model: string; number: number }): string =>
      `Version ${d.number} of "${d.model}" is not signed. Register it again in a registry with a signing key.`,
  },
  SIGNATURE_INVALID: {
    status: 403,
    retryable: false,
    message: (d: { subject: string; reason: string }): string =>
      `The signature of ${d.subject} is refused: ${d.reason}. Do not use the model; find out who made it.`,
  },
  FILE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { model: string; number: number; file: string; files: readonly string[] }): string =>
      `Version ${d.number} of "${d.model}" has no file "${d.file}". It has ${d.files.slice(0, 20).join(", ")}.`,
  },
  FOLDER_NOT_EMPTY: {
    status: 409,
    retryable: false,
    message: (d: { folder: string; found: string }): string =>
      `The model cannot be written to ${d.folder}: there is already ${d.found}. Name a folder that is empty or not there; nothing was written.`,
  },
  REGISTRY_CLOSED: {
    status: 503,
    retryable: false,
    message: (): string => "The model registry was closed. Create a new one; what was committed is kept.",
  },
} as const;

function target(number: number | null): string {
  return number === null ? "nothing" : `version ${number}`;
}

/** @see registryErrors */
export const registryError: ErrorFactory<typeof registryErrors> = errorFactory("model-registry", registryErrors);
