import { shown } from "../client/errors.ts";
import type { View } from "../define/selection.ts";
import { valueItems } from "./columns-to-json.ts";
import { type OnlineColumns, readingStatuses } from "./online-columns.ts";
import type { Reading } from "./read.ts";
import { entityRows, featuresOf, invalid, isObject, type Scope } from "./wire.ts";

const statuses: Readonly<Record<Reading["status"], string>> = {
  PRESENT: "PRESENT",
  NULL: "NULL_VALUE",
  NOT_FOUND: "NOT_FOUND",
  // Feast has no name for it.
  MISSING_KEY: "NOT_FOUND",
  EXPIRED: "OUTSIDE_MAX_AGE",
};

/** What a request asks for. */
interface Asked {
  readonly views: readonly View[];
  readonly features: readonly string[];
  readonly entities: readonly Readonly<Record<string, unknown>>[];
  readonly answer: FeastAnswer;
}

/** What an answer repeats of its request. */
interface FeastAnswer {
  /** The values of each key. */
  readonly keys: readonly (readonly [name: string, values: readonly unknown[]])[];
  /** The names of its columns, keys first. */
  readonly names: readonly string[];
}

/**
 * A request of Feast's feature server: `entities` is a list of values per key. `features` that are null or none, and a
 * `feature_service` that is null, stand for nothing, as its own clients send them. An expired value comes as null with the
 * status OUTSIDE_MAX_AGE.
 *
 * @throws REQUEST_INVALID, also when two columns of the answer would have one name; FEATURE_UNKNOWN
 */
export function fromFeast(body: Readonly<Record<string, unknown>>, scope: Scope): Asked {
  const { entities, feature_service: service, full_feature_names: full } = body;
  if (full != null && typeof full !== "boolean") throw invalid('"full_feature_names" must be true or false');
  const listed = Array.isArray(body["features"]) && body["features"].length === 0 ? null : body["features"];
  if (listed != null && service != null) throw invalid('it has both "features" and "feature_service"');
  const asked = featuresOf(listed ?? undefined, service ?? undefined, scope);
  if (!isObject(entities)) throw invalid('"entities" must be an object of lists, one per key');
  const columns = Object.entries(entities);
  const length = (columns[0]?.[1] as unknown[] | undefined)?.length ?? 0;
  if (!columns.every(([, values]) => Array.isArray(values) && values.length === length)) {
    throw invalid('the lists in "entities" must be of one length');
  }
  const table = Array.from({ length }, (_, i) =>
    Object.fromEntries(columns.map(([name, values]) => [name, (values as unknown[])[i]])),
  );
  const rows = entityRows(asked, table, scope.limits);
  const told = asked.names.map((name) => (full === true ? name.replace(":", "__") : name.slice(name.indexOf(":") + 1)));
  const names = [...columns.map(([name]) => name), ...told];
  assertDistinct(names);
  return {
    views: asked.views,
    features: asked.features,
    entities: rows,
    answer: { keys: columns as FeastAnswer["keys"], names },
  };
}

function assertDistinct(names: readonly string[]): void {
  const taken = new Set<string>();
  for (const name of names) {
    if (taken.has(name)) {
      throw invalid(`two columns of its answer would be named ${shown(name)}; ask for "full_feature_names": true`);
    }
    taken.add(name);
  }
}

/** The answer in Feast's shape: one result per column, keys first. @param at epoch milliseconds */
export function toFeast(read: OnlineColumns, { keys: given, names }: FeastAnswer, at: number): string {
  const epoch = new Date(0).toISOString();
  const keys = given.map(([, values]) =>
    JSON.stringify({
      values,
      statuses: values.map(() => "PRESENT"),
      event_timestamps: values.map(() => epoch),
    }),
  );
  // Features that are of one age share its array.
  const timestamps = new Map<Float64Array, string>();
  const words = new StatusWords();
  const features = read.names.map((name) => {
    const column = read.column(name);
    const { ageMs } = column;
    const times = timestamps.get(ageMs) ?? JSON.stringify(Array.from(ageMs, (age) => timeText(age, at, epoch)));
    timestamps.set(ageMs, times);
    return `{"values":[${valueItems(column)}],"statuses":[${words.of(column.statuses)}],"event_timestamps":${times}}`;
  });
  return `{"metadata":${JSON.stringify({ feature_names: names })},"results":[${[...keys, ...features].join()}]}`;
}

/** Statuses as the items of a JSON list. Most columns have one status throughout, whose text is made once. */
class StatusWords {
  readonly #uniform = new Map<number, string>();

  /** @param codes of one length for all that are asked for */
  of(codes: Uint8Array): string {
    const [first] = codes;
    if (first === undefined) return "";
    if (codes.some((code) => code !== first)) return Array.from(codes, wordOf).join();
    const text = this.#uniform.get(first) ?? Array.from(codes, wordOf).join();
    this.#uniform.set(first, text);
    return text;
  }
}

const wordOf = (code: number): string => `"${statuses[readingStatuses[code] ?? "NOT_FOUND"]}"`;

const timeText = (ageMs: number, at: number, otherwise: string): string =>
  Number.isNaN(ageMs) ? otherwise : new Date(at - ageMs).toISOString();
