import type { View } from "../define/selection.ts";
import type { HandlerLimits } from "./limits.ts";
import { valueItems } from "./columns-to-json.ts";
import { type OnlineColumns, readingStatuses } from "./online-columns.ts";
import type { Reading } from "./read.ts";
import { entityRows, invalid, isObject } from "./wire.ts";

const statuses: Readonly<Record<Reading["status"], string>> = {
  PRESENT: "PRESENT",
  NULL: "NULL_VALUE",
  NOT_FOUND: "NOT_FOUND",
  // Feast has no name for it.
  MISSING_KEY: "NOT_FOUND",
  EXPIRED: "OUTSIDE_MAX_AGE",
};

/** What a request asks for. */
export interface Asked {
  readonly views: readonly View[];
  readonly features: readonly string[];
  readonly entities: readonly Readonly<Record<string, unknown>>[];
  /** Epoch milliseconds. */
  readonly at: number;
}

/**
 * A request of Feast's feature server: `entities` is a list of values per key. An expired value comes as null with the
 * status OUTSIDE_MAX_AGE.
 *
 * @throws REQUEST_INVALID
 */
export function fromFeast(
  body: Readonly<Record<string, unknown>>,
  { views, features }: Pick<Asked, "views" | "features">,
  { at, limits }: { readonly at: number; readonly limits: Required<HandlerLimits> },
): Asked {
  const { entities } = body;
  if (!isObject(entities)) throw invalid('"entities" must be an object of lists, one per key');
  const columns = Object.entries(entities);
  const rows = (columns[0]?.[1] as unknown[] | undefined)?.length ?? 0;
  if (!columns.every(([, values]) => Array.isArray(values) && values.length === rows)) {
    throw invalid('the lists in "entities" must be of one length');
  }
  const table = Array.from({ length: rows }, (_, i) =>
    Object.fromEntries(columns.map(([name, values]) => [name, (values as unknown[])[i]])),
  );
  return { views, features, entities: entityRows(views, table, limits), at };
}

/** The answer in Feast's shape: one result per column, keys first. */
export function toFeast(body: Readonly<Record<string, unknown>>, read: OnlineColumns, at: number): string {
  const full = body["full_feature_names"] === true;
  const entities = Object.entries(body["entities"] as Readonly<Record<string, readonly unknown[]>>);
  const epoch = new Date(0).toISOString();
  const keys = entities.map(([, values]) =>
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
  const feature_names = [
    ...entities.map(([name]) => name),
    ...read.names.map((name) => (full ? name.replace(":", "__") : name.slice(name.indexOf(":") + 1))),
  ];
  return `{"metadata":${JSON.stringify({ feature_names })},"results":[${[...keys, ...features].join()}]}`;
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
