import { createHash } from "node:crypto";
import { compareFileNames } from "../artifact/file-name.ts";
import type { Refuse } from "./refuse.ts";

/** What is signed of a file. */
export interface SignedFile {
  /** Relative, slash-separated. */
  readonly name: string;
  /** `sha256:<hex>` */
  readonly digest: string;
}

/** What a signature says: these files, under this name. */
export interface Statement {
  readonly name: string;
  readonly files: readonly SignedFile[];
}

/** The name a signature has in a folder. Verifiers leave it out when they hash the folder. */
export const signatureFileName = "model.sig" as const;

const statementType = "https://in-toto.io/Statement/v1";
const predicateType = "https://model_signing/signature/v1.0";
const prefix = "sha256:";
const hex = /^[0-9a-f]{64}$/;
/** As many as a version can have. */
const maxResources = 10_000;

/**
 * The payload of a signature: an in-toto statement v1 whose predicate is that of OpenSSF model-signing 1.0. Equal files
 * give equal bytes. The bytes are what is signed; they are never made a second time from the parsed form.
 */
export function encodeStatement({ name, files }: Statement): Uint8Array {
  // By path components, as Python orders paths: verifiers sort before they compute the root digest.
  const resources = files
    .toSorted((a, b) => compareFileNames(a.name, b.name))
    .map((file) => ({ name: file.name, algorithm: "sha256", digest: file.digest.slice(prefix.length) }));
  const serialization = {
    method: "files",
    hash_type: "sha256",
    allow_symlinks: false,
    ignore_paths: [signatureFileName],
  };
  const statement = {
    _type: statementType,
    subject: [{ name, digest: { sha256: rootDigest(resources) } }],
    predicateType,
    predicate: { serialization, resources },
  };
  return new TextEncoder().encode(JSON.stringify(statement));
}

/**
 * Reads a payload whose signature is known to be good. Fields it does not know are ignored, as the predicate's
 * definition demands; everything else is held to it.
 */
export function parseStatement(payload: Uint8Array, refuse: Refuse): Statement {
  const statement = objectOf(parseJson(payload, "the payload", refuse));
  const type = statement["_type"];
  if (type !== statementType) throw refuse(`the payload is of the type ${show(type)}, not ${statementType}`);
  const predicateIs = statement["predicateType"];
  if (predicateIs !== predicateType) throw refuse(`the predicate is of the type ${show(predicateIs)}`);
  const subjects = statement["subject"];
  if (!Array.isArray(subjects) || subjects.length !== 1) throw refuse("the statement must have exactly one subject");
  const subject = objectOf(subjects[0]);
  const root = objectOf(subject["digest"])["sha256"];
  if (typeof subject["name"] !== "string") throw refuse("the subject has no name");
  const predicate = objectOf(statement["predicate"]);
  const { method, hash_type: hashType } = objectOf(predicate["serialization"]);
  if (method !== "files" || hashType !== "sha256") {
    throw refuse(`files must be signed one by one with sha256, not as ${show(method)} with ${show(hashType)}`);
  }
  const resources = resourcesOf(predicate["resources"], refuse);
  if (rootDigest(resources) !== root) throw refuse("the root digest is not that of the resources in their order");
  return {
    name: subject["name"],
    files: resources.map(({ name, digest }) => ({ name, digest: `${prefix}${digest}` })),
  };
}

interface Resource {
  readonly name: string;
  /** Hexadecimal. */
  readonly digest: string;
}

function resourcesOf(given: unknown, refuse: Refuse): Resource[] {
  if (!Array.isArray(given) || given.length > maxResources) {
    throw refuse(`the resources must be a list of at most ${maxResources}`);
  }
  const names = new Set<string>();
  return given.map((item: unknown, index) => {
    const { name, algorithm, digest } = objectOf(item);
    if (typeof name !== "string" || typeof digest !== "string" || algorithm !== "sha256" || !hex.test(digest)) {
      throw refuse(`the resource at ${index} must have a name and a lower-case hexadecimal sha256 digest`);
    }
    if (names.has(name)) throw refuse(`the file ${show(name)} is signed twice`);
    names.add(name);
    return { name, digest };
  });
}

/** SHA-256 over the raw digests, one after another. */
function rootDigest(resources: readonly Resource[]): string {
  const hash = createHash("sha256");
  for (const { digest } of resources) hash.update(digest, "hex");
  return hash.digest("hex");
}

/** @see parseStatement */
export function parseJson(bytes: Uint8Array, what: string, refuse: Refuse): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)) as unknown;
  } catch {
    throw refuse(`${what} is not JSON in UTF-8`);
  }
}

/** An object's fields; of anything else, none. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

/** A value of a stranger, on one short line. Nothing with depth is walked: it may be deeper than the stack. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (typeof value === "object") return Array.isArray(value) ? "a list" : "an object";
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
