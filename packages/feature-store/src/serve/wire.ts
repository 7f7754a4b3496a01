import { shown } from "../client/errors.ts";
import { resolveSelection, type View } from "../define/selection.ts";
import type { FeatureService } from "../define/service.ts";
import type { ValueType } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import type { HandlerLimits } from "./limits.ts";

/** The JSON object of a request. @throws REQUEST_INVALID */
export async function jsonBody(
  request: Request,
  { maxBodyBytes }: Required<HandlerLimits>,
): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > maxBodyBytes) throw invalid(`its body is over ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw invalid("its body is no JSON");
  }
  if (!isObject(parsed)) throw invalid("its body is no JSON object");
  return parsed;
}

export const invalid = (rule: string): Error => featureStoreError("REQUEST_INVALID", { rule });

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What may be asked for, and how much of it. */
export interface Scope {
  readonly views: readonly View[];
  readonly services: readonly FeatureService[];
  readonly limits: Required<HandlerLimits>;
}

/** The features that a request asks for. */
export interface AskedFeatures {
  /** The views they are resolved in. */
  readonly views: readonly View[];
  readonly features: readonly string[];
  /** They, with `view:*` written out. */
  readonly names: readonly string[];
  /** The views they are of. */
  readonly selected: readonly View[];
}

/**
 * The features that are asked for: those listed, or those of a service by its pinned views.
 *
 * @throws REQUEST_INVALID, FEATURE_UNKNOWN
 */
export function featuresOf(listed: unknown, service: unknown, { views, services, limits }: Scope): AskedFeatures {
  const of = service === undefined ? { views, features: featureList(listed, limits) } : serviceOf(service, services);
  const { names, ...selection } = resolveSelection(of.views, of.features);
  if (names.length > limits.maxFeatures) throw tooMany(names.length, limits);
  const selected = [...selection.views, ...selection.onDemand].map(({ view }) => view);
  return { views: of.views, features: of.features, names, selected };
}

const tooMany = (asked: number, { maxFeatures }: Required<HandlerLimits>): Error =>
  invalid(`it asks for ${asked} features and may for ${maxFeatures}`);

/** Of a view and a feature, and a colon. */
const longestName = 257;

function featureList(value: unknown, limits: Required<HandlerLimits>): readonly string[] {
  const isName = (each: unknown): each is string => typeof each === "string" && each.length <= longestName;
  if (!Array.isArray(value) || value.length === 0 || !value.every(isName)) {
    throw invalid('"features" must be a list of "view:feature"');
  }
  if (value.length > limits.maxFeatures) throw tooMany(value.length, limits);
  return value;
}

function serviceOf(name: unknown, services: readonly FeatureService[]): FeatureService {
  const service = services.find((each) => each.name === name);
  if (service !== undefined) return service;
  const known = services.map((each) => each.name).join(", ");
  throw invalid(`there is no service ${shown(name)} here; there are: ${known === "" ? "none" : known}`);
}

/**
 * Rows of keys and inputs from JSON, with integers and timestamps in their own types.
 *
 * @param asked of the views that are read: one column may be of another type in others
 * @throws REQUEST_INVALID
 */
export function entityRows(
  { selected: views, names }: AskedFeatures,
  rows: unknown,
  { maxEntities, maxValues }: Required<HandlerLimits>,
): Record<string, unknown>[] {
  if (!Array.isArray(rows) || !rows.every(isObject)) throw invalid('"entities" must be a list of objects');
  if (rows.length > maxEntities) throw invalid(`it asks for ${rows.length} entities and may for ${maxEntities}`);
  const values = rows.length * names.length;
  if (values > maxValues) throw invalid(`it asks for ${values} values and may for ${maxValues}`);
  const wide = new Set(views.flatMap((view) => fieldsOf(view, ["int64", "timestamp"])));
  const floats = new Set(views.flatMap((view) => fieldsOf(view, ["float64"])));
  const cell = (name: string, value: unknown): unknown => {
    if (typeof value === "object" && value !== null)
      throw invalid(`${shown(name)} holds ${shown(value)}, and may hold text, a number, true, false or null`);
    return wide.has(name) ? toBigInt(name, value) : floats.has(name) ? toFloat(value) : value;
  };
  return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cell(name, value)])));
}

function fieldsOf(view: View, types: readonly ValueType[]): string[] {
  const shape =
    view.kind === "view" ? view.keys.map(({ name, type }) => [name, type] as const) : Object.entries(view.input);
  return shape.filter(([, type]) => types.includes(type)).map(([name]) => name);
}

/** What JSON has no number for comes by name. */
const toFloat = (value: unknown): unknown =>
  value === "NaN" || value === "Infinity" || value === "-Infinity" ? Number(value) : value;

function toBigInt(name: string, value: unknown): unknown {
  if (Number.isSafeInteger(value)) return BigInt(value as number);
  if (typeof value === "string" && /^-?\d{1,19}$/.test(value)) return BigInt(value);
  if (value === null) return null;
  throw invalid(`"${name}" must be an integer, as a number up to 2^53 or as a string`);
}
