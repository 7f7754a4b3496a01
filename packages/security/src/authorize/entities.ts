import type { CedarValueJson, EntityJson } from "@cedar-policy/cedar-wasm/nodejs";
import { securityError } from "../errors.ts";
import { type CedarId, entityKey, parseEntityId } from "./entity-id.ts";

/** Somebody or something that policies speak of: a user, a role, a model. */
export interface EntityData {
  /** `Type::id`, e.g. `User::ada`. */
  readonly id: string;
  /** What it is in: a user's roles, a model's project. @default [] */
  readonly parents?: readonly string[];
  /** Values in Cedar's JSON; `{ __entity: { type, id } }` points to another entity. @default {} */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** Entities by `Type::id`. A map, so that no id can reach an object's prototype. */
export type EntityStore = ReadonlyMap<string, EntityJson>;

/** Checks entity data and puts it into Cedar's form. @throws ENTITY_INVALID */
export function entityStore(data: readonly EntityData[]): EntityStore {
  const store = new Map<string, EntityJson>();
  for (const { id, parents = [], attributes = {} } of data) {
    const uid = parsed(id, id);
    const key = entityKey(uid);
    if (store.has(key)) throw securityError("ENTITY_INVALID", { entity: id, rule: "it is given twice" });
    const rule = brokenValueRule(attributes);
    if (rule !== undefined) throw securityError("ENTITY_INVALID", { entity: id, rule: `its attributes: ${rule}` });
    const attrs = attributes as Record<string, CedarValueJson>;
    store.set(key, { uid, attrs, parents: parents.map((parent) => parsed(parent, id)) });
  }
  return store;
}

/**
 * The entities a decision can depend on: those it starts from, and all they lead to through parents and attributes.
 * Cedar takes its entities through JSON with each call, so that a call must not carry the whole store.
 */
export function reachable(store: EntityStore, from: Iterable<CedarId>): EntityJson[] {
  const reached = new Map<string, EntityJson>();
  const open: CedarId[] = [...from];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const key = entityKey(next);
    const entity = store.get(key);
    if (entity === undefined || reached.has(key)) continue;
    reached.set(key, entity);
    open.push(...(entity.parents as CedarId[]), ...entityReferences(entity.attrs));
  }
  return [...reached.values()];
}

/** Every entity that a JSON value of Cedar names, in attributes or in a policy. */
export function* entityReferences(value: unknown): Generator<CedarId> {
  if (typeof value !== "object" || value === null) return;
  const { type, id } = value as Partial<CedarId>;
  if (typeof type === "string" && typeof id === "string") yield { type, id };
  for (const item of Object.values(value)) yield* entityReferences(item);
}

const maxDepth = 32;

/** The rule that a value given to Cedar breaks, in words; undefined when it breaks none. */
export function brokenValueRule(value: unknown, depth = 0): string | undefined {
  if (depth > maxDepth) return `it is nested deeper than ${maxDepth}`;
  if (typeof value === "string" || typeof value === "boolean") return undefined;
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? undefined : `the number ${value} is not a whole one Cedar can hold`;
  }
  if (typeof value !== "object" || value === null) return `a value is ${value === null ? "null" : typeof value}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null;
  if (!isPlain) return "a value is neither a plain object nor a list";
  for (const [name, item] of Object.entries(value)) {
    if (name === "__proto__" || name === "toJSON") return `the name ${name} is not allowed`;
    const rule = brokenValueRule(item, depth + 1);
    if (rule !== undefined) return rule;
  }
  return undefined;
}

function parsed(text: string, entity: string): CedarId {
  const id = parseEntityId(text);
  if (typeof id !== "string") return id;
  throw securityError("ENTITY_INVALID", {
    entity,
    rule: text === entity ? id : `its parent ${JSON.stringify(text)}: ${id}`,
  });
}
