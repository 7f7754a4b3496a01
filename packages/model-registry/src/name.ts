import { registryError } from "./errors.ts";

const modelName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const aliasName = /^[A-Za-z][A-Za-z0-9_-]{0,127}$/;
const maxIdentity = 256;

/** What a reference such as `delay@champion` or `delay/3` names. */
export type ModelReference =
  | { readonly name: string; readonly alias: string }
  | { readonly name: string; readonly number: number };

/** @throws REQUEST_INVALID */
export function assertModelName(name: string): void {
  if (typeof name !== "string" || !modelName.test(name)) {
    throw invalid(
      "model name",
      name,
      "it must be 1 to 128 letters, digits, dots, dashes or underscores, and start with a letter or digit",
    );
  }
}

/** Refuses what a reader could take for a version: `latest`, `v3`. @throws REQUEST_INVALID */
export function assertAliasName(alias: string): void {
  if (typeof alias !== "string" || !aliasName.test(alias)) {
    throw invalid(
      "alias",
      alias,
      "it must be 1 to 128 letters, digits, dashes or underscores, and start with a letter",
    );
  }
  if (/^(latest|v\d+)$/i.test(alias)) throw invalid("alias", alias, 'it must not be "latest" or look like a version');
}

/** @throws REQUEST_INVALID */
export function assertVersionNumber(number: number, field = "version number"): void {
  if (!Number.isSafeInteger(number) || number < 1) throw invalid(field, number, "it must be a whole number from 1");
}

/** Who does something: any text that can be shown on one line. @throws REQUEST_INVALID */
export function assertIdentity(identity: string, field: string): void {
  const fits = typeof identity === "string" && identity.trim() !== "" && identity.length <= maxIdentity;
  if (!fits || /\p{Cc}/u.test(identity)) {
    throw invalid(
      field,
      identity,
      `it must name somebody in 1 to ${maxIdentity} characters without control characters`,
    );
  }
}

/** Free text: a reason, a comment, a description. @throws REQUEST_INVALID */
export function assertText(text: string | undefined, field: string, limit = 10_000): void {
  if (text === undefined) return;
  if (typeof text !== "string" || text.length > limit || !text.isWellFormed() || text.includes("\0")) {
    throw invalid(field, text, `it must be well-formed text of at most ${limit} characters without NUL`);
  }
}

/** Two spellings of one person count as one: separation of duties must not fall to a capital letter. */
export function sameIdentity(a: string, b: string): boolean {
  return identityKey(a) === identityKey(b);
}

/** @see sameIdentity */
export function identityKey(identity: string): string {
  return identity.normalize("NFKC").trim().toLowerCase();
}

/** Reads `name@alias` or `name/number`. @throws REQUEST_INVALID */
export function parseReference(reference: string): ModelReference {
  const match = /^([^@/]+)(?:@([^@/]+)|\/([1-9]\d{0,15}))$/.exec(reference);
  if (match === null) throw invalid("reference", reference, "it must be name@alias or name/number");
  const [, name = "", alias, number] = match;
  assertModelName(name);
  if (alias === undefined) return { name, number: Number(number) };
  assertAliasName(alias);
  return { name, alias };
}

/** @returns the error for one value that breaks a rule */
export function invalid(field: string, value: unknown, rule: string): Error {
  return registryError("REQUEST_INVALID", { field, value: show(value), rule });
}

function show(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
