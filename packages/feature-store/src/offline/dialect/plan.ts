import type { Predicate } from "../../define/column.ts";
import type { Feature, FeatureView } from "../../define/feature-view.ts";
import type { Span } from "../../define/hop.ts";
import { resolveSelection, type SelectedView, type View } from "../../define/selection.ts";
import { dimensionsOf, type ScalarType } from "../../define/value-type.ts";
import type { Aggregate } from "../../define/window.ts";
import { featureStoreError } from "../../errors.ts";

/** A name, or the parts of one: `["lake", "gold", "flights"]`. Each part is quoted. */
export type SqlName = string | readonly string[];

/**
 * How a table holds time. `instant`: a timestamp with a zone. `utc`: without a zone, and UTC is meant. `micros`: an integer
 * of epoch microseconds.
 */
export type SqlTime = "instant" | "utc" | "micros";

/** What a column holds that an aggregate or a predicate reads. Integers are summed exactly. */
export type SqlColumnType = "integer" | "float" | "string" | "boolean";

/** Where the rows of a source stand in the database. */
export interface SqlSource {
  readonly table: SqlName;
  /** A column that grows with ingestion, without ties: it settles which of two rows of equal event and known time is last. */
  readonly ingestion: string;
  /** Default `"instant"`. */
  readonly times?: SqlTime;
  /** The type of each column that a window reads. Plain column features need none. */
  readonly types?: Readonly<Record<string, SqlColumnType>>;
}

export interface SqlLabels {
  readonly table: SqlName;
  /** The column that says as of when features are wanted. */
  readonly time: string;
  /** Default `"instant"`. */
  readonly times?: SqlTime;
  /** A column to order the result by. A table in SQL has no order of its own. */
  readonly ordinal?: string;
}

export interface JoinPlanOptions {
  readonly views: readonly View[];
  readonly features: readonly string[];
  readonly labels: SqlLabels;
  /** Where each source stands, by the source's name. */
  readonly tables: Readonly<Record<string, SqlSource>>;
  /** Cut off at what was known by then; default true. */
  readonly knownAt?: boolean;
  /** Leave out events at exactly the label's time; default false. */
  readonly strict?: boolean;
}

/** The join as data: what a dialect has to say, and nothing of how. Times and lengths are microseconds. */
export interface JoinPlan {
  readonly labels: SqlLabels & { readonly times: SqlTime };
  readonly views: readonly ViewPlan[];
  /** The features in the order of selection. */
  readonly features: readonly string[];
}

export interface ViewPlan {
  readonly name: string;
  readonly source: SqlSource & { readonly times: SqlTime };
  readonly keys: readonly { readonly label: string; readonly column: string }[];
  readonly event: string;
  readonly known: string | undefined;
  /** True: a row is seen only once it is known. */
  readonly cut: boolean;
  readonly strict: boolean;
  /** The columns that features are computed from. */
  readonly inputs: readonly string[];
  /** Values of the last row. */
  readonly latest: readonly LatestPlan[];
  /** Windows whose terms are whole numbers: each row adds its terms when it enters and takes them back when it leaves. */
  readonly sweeps: readonly WindowPlan[];
  /** Windows of which what was added could not be taken back exactly: rows are met pair by pair. */
  readonly pairs: readonly WindowPlan[];
}

/** Values of the last row that is seen, or of the last one in which a column is not null. */
export interface LatestPlan {
  readonly notNull: string | undefined;
  readonly features: readonly LatestFeature[];
}

export interface LatestFeature {
  readonly feature: string;
  readonly column: string;
  readonly type: ScalarType;
  /** Which events count. */
  readonly span: Span;
}

export interface WindowPlan {
  readonly span: Span;
  readonly features: readonly WindowedFeature[];
}

export interface WindowedFeature {
  readonly feature: string;
  readonly of: Aggregate;
  /** The column read; a count reads none. */
  readonly column: string | undefined;
  /** What the column holds, where it matters: to sums, means and shares. */
  readonly type: SqlColumnType | undefined;
}

/**
 * Plans a point-in-time join with the semantics of `trainingSet`.
 *
 * @throws FEATURE_UNKNOWN; DEFINITION_INVALID for an on-demand view, a source without a table, or a column of unknown type
 */
export function planJoin(options: JoinPlanOptions): JoinPlan {
  const { labels, tables, knownAt = true, strict = false } = options;
  const { names, views, onDemand } = resolveSelection(options.views, options.features);
  if (onDemand[0] !== undefined) {
    throw refused(onDemand[0].view.name, "an on-demand view is computed in JavaScript; apply it to the joined rows");
  }
  return {
    labels: { ...labels, times: labels.times ?? "instant" },
    views: views.map((each) => viewPlan(each, tables, knownAt, strict)),
    features: names,
  };
}

const refused = (value: unknown, rule: string): Error =>
  featureStoreError("DEFINITION_INVALID", { of: "A join in SQL", value, rule });

function viewPlan(
  { view, features }: SelectedView<FeatureView>,
  tables: Readonly<Record<string, SqlSource>>,
  knownAt: boolean,
  strict: boolean,
): ViewPlan {
  const source = Object.hasOwn(tables, view.source.name) ? tables[view.source.name] : undefined;
  if (source === undefined) throw refused(view.source.name, 'no table of that source is given in "tables"');
  const chosen = features.map((feature) => ({ name: feature, feature: view.features[feature] as Feature }));
  const windows = chosen.flatMap(({ name, feature }) => windowed(view, name, feature, source));
  const latest = latestPlans(chosen, view.ttl);
  const looked = latest.flatMap((each) => each.features.map(({ column }) => column));
  return {
    name: view.name,
    source: { ...source, times: source.times ?? "instant" },
    keys: view.keys.map(({ name, column }) => ({ label: name, column })),
    event: view.eventTime,
    known: view.knownAt,
    cut: knownAt && view.knownAt !== undefined,
    strict,
    inputs: [...new Set([...looked, ...windows.flatMap(({ column }) => column ?? [])])],
    latest,
    sweeps: bySpan(windows.filter(isWhole)),
    pairs: bySpan(windows.filter((each) => !isWhole(each))),
  };
}

/** Plain columns look at the last row; a `last` over a window looks past nulls, and is one look for each column. */
function latestPlans(chosen: readonly { name: string; feature: Feature }[], ttl: number): LatestPlan[] {
  const plain: LatestFeature[] = [];
  const past = new Map<string, LatestFeature[]>();
  for (const { name, feature } of chosen) {
    if (feature.kind === "column") {
      const { column, type } = feature;
      if (dimensionsOf(type) !== undefined) throw refused(name, "vectors are joined by trainingSet only");
      // A window leaves out its older end, and a ttl does not.
      plain.push({ feature: name, column, type: type as ScalarType, span: { width: ttl + 1 } });
    } else if (feature.of.aggregate === "last") {
      const { column, type } = feature.of;
      const look = { feature: name, column, type, span: { width: feature.width, hop: feature.hop } };
      past.set(column, [...(past.get(column) ?? []), look]);
    }
  }
  const looks = [...past].map(([notNull, features]): LatestPlan => ({ notNull, features }));
  return plain.length === 0 ? looks : [{ notNull: undefined, features: plain }, ...looks];
}

type Windowed = WindowedFeature & { readonly span: Span };

function windowed(view: FeatureView, name: string, feature: Feature, source: SqlSource): Windowed[] {
  if (feature.kind !== "window" || feature.of.aggregate === "last") return [];
  const { of } = feature;
  const span = { width: feature.width, hop: feature.hop };
  if (of.aggregate === "count") return [{ feature: name, of, span, column: undefined, type: undefined }];
  const column = of.aggregate === "share" ? of.predicate.column : of.column;
  const type = source.types !== undefined && Object.hasOwn(source.types, column) ? source.types[column] : undefined;
  const matters = of.aggregate === "share" || of.aggregate === "sum" || of.aggregate === "mean";
  if (!matters) return [{ feature: name, of, span, column, type: undefined }];
  if (type === undefined) throw refused(column, `"tables" of "${view.source.name}" gives no type for this column`);
  if (of.aggregate === "share") assertComparable(of.predicate, type);
  else if (type !== "integer" && (type !== "float" || of.type === "int64")) {
    const wanted = of.type === "int64" ? "integers" : "numbers";
    throw refused(column, `${of.aggregate} is of ${wanted}, and the column holds ${type}s`);
  }
  return [{ feature: name, of, span, column, type }];
}

function assertComparable({ column, value }: Predicate, type: SqlColumnType): void {
  const kind = typeof value === "number" ? ["integer", "float"] : [typeof value];
  if (!kind.includes(type)) throw refused(column, `it holds ${type}s and is compared with ${JSON.stringify(value)}`);
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw refused(column, `it is compared with ${value}, which not every dialect can write`);
  }
}

function isWhole({ of, type }: WindowedFeature): boolean {
  if (of.aggregate === "count" || of.aggregate === "share") return true;
  return (of.aggregate === "sum" || of.aggregate === "mean") && type === "integer";
}

function bySpan(windows: readonly Windowed[]): WindowPlan[] {
  const spans = new Map<string, { readonly span: Span; readonly features: WindowedFeature[] }>();
  for (const { span, ...feature } of windows) {
    const id = `${span.width} ${span.hop}`;
    const found = spans.get(id) ?? { span, features: [] };
    found.features.push(feature);
    spans.set(id, found);
  }
  return [...spans.values()];
}
