import { isValueOf, type Value, type ValueType } from "../define/value-type.ts";
import type { Neighbour } from "../nearest/nearest.ts";
import type { KeyPart } from "../offline/key-dictionary.ts";
import type { Reading, Readings } from "../serve/read.ts";

const statuses: ReadonlySet<unknown> = new Set(["PRESENT", "NULL", "EXPIRED", "NOT_FOUND", "MISSING_KEY"]);

/** The rows of an answer in JSON, each value as its type, or why it is none. */
export function fromJson(text: string): Readings[] | string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return "it is no JSON";
  }
  const { rows, types } = Object(body) as { readonly rows?: unknown; readonly types?: unknown };
  if (!Array.isArray(rows) || typeof types !== "object" || types === null) return 'it has no "rows" and "types"';
  const features = Object.entries(types as Record<string, ValueType>);
  const out: Readings[] = [];
  for (const row of rows as readonly unknown[]) {
    const given = Object(row) as Readonly<Record<string, unknown>>;
    const made: Readings = {};
    for (const [name, type] of features) {
      const reading = given[name];
      const read = readingOf(reading, type);
      if (read === undefined) return `${JSON.stringify(name)} has ${JSON.stringify(reading)}`;
      made[name] = read;
    }
    out.push(made);
  }
  return out;
}

/** The neighbours of an answer in JSON, keys and values as their types, or why they are none. */
export function neighboursFromJson(text: string): Neighbour[] | string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return "it is no JSON";
  }
  const { neighbours, keys, types } = Object(body) as Readonly<Record<string, unknown>>;
  if (!Array.isArray(neighbours)) return 'it has no "neighbours"';
  const [keyTypes, valueTypes] = [keys, types].map((each) => new Map(Object.entries(Object(each) as object)));
  const out: Neighbour[] = [];
  for (const each of neighbours as readonly unknown[]) {
    const { entity, score: raw, ageMs, values: given } = Object(each) as Readonly<Record<string, unknown>>;
    const key = entity === null ? null : typed(entity, keyTypes);
    const values = typed(given, valueTypes);
    const score = valueOf("float64", raw);
    if (key === undefined || values === undefined || typeof score !== "number" || typeof ageMs !== "number") {
      return `it has a neighbour ${JSON.stringify(each)}`;
    }
    out.push({ entity: key === null ? null : keyOf(key), score, ageMs, values });
  }
  return out;
}

/** As the store gives keys: an integer is a number as long as that is exact. */
const keyOf = (values: Readonly<Record<string, Value | null>>): Record<string, KeyPart> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      (typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value) as KeyPart,
    ]),
  );

function typed(
  given: unknown,
  types: ReadonlyMap<string, ValueType> = new Map(),
): Record<string, Value | null> | undefined {
  if (typeof given !== "object" || given === null) return undefined;
  const out: Record<string, Value | null> = {};
  for (const [name, raw] of Object.entries(given)) {
    const type = types.get(name);
    const value = raw === null ? null : type === undefined ? undefined : valueOf(type, raw);
    if (value === undefined) return undefined;
    out[name] = value;
  }
  return out;
}

function readingOf(given: unknown, type: ValueType | undefined): Reading | undefined {
  const { status, value: raw, ageMs } = Object(given) as Readonly<Record<string, unknown>>;
  if (type === undefined || !statuses.has(status) || !(ageMs === null || typeof ageMs === "number")) return undefined;
  const value = raw === null ? null : valueOf(type, raw);
  if (value === undefined || (value !== null) !== (status === "PRESENT")) return undefined;
  return { status, value, ageMs } as Reading;
}

function valueOf(type: ValueType, raw: unknown): Value | undefined {
  let value = raw;
  if (type === "int64" || type === "timestamp") {
    if (Number.isSafeInteger(raw) || (typeof raw === "string" && /^-?\d{1,19}$/.test(raw)))
      value = BigInt(raw as string);
  } else if (type === "float64" && (raw === "NaN" || raw === "Infinity" || raw === "-Infinity")) value = Number(raw);
  else if (Array.isArray(raw)) value = Float32Array.from(raw as readonly number[]);
  return isValueOf(type, value) ? value : undefined;
}
