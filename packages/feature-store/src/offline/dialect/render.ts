import type { Predicate } from "../../define/column.ts";
import type { Span } from "../../define/hop.ts";
import { featureStoreError } from "../../errors.ts";
import type { SqlDialect } from "./dialect.ts";
import type { JoinPlan, LatestPlan, SqlName, SqlTime, ViewPlan, WindowedFeature, WindowPlan } from "./plan.ts";

/** One named part of the query. */
interface Part {
  readonly name: string;
  readonly sql: string;
}

/** A part that holds features: unique by key and time, to be met by the labels. */
interface FeaturePart extends Part {
  readonly keys: ViewPlan["keys"];
  readonly features: readonly PartFeature[];
}

interface PartFeature {
  readonly name: string;
  readonly column: string;
  /** Of a count: the part that tells from when on something of the key can be seen. Before that it is null, and not 0. */
  readonly since?: string | undefined;
}

/** A part by which the labels are met by key alone. */
interface SincePart extends Part {
  readonly keys: ViewPlan["keys"];
}

const forever = "9223372036854775807";

/**
 * The SQL of a plan. Features are computed for each distinct key and time that labels ask for, so that no row number has
 * to be made up: databases that evaluate a common table expression twice would number its rows in two ways.
 */
export function renderJoin(plan: JoinPlan, dialect: SqlDialect): string {
  const { quote } = dialect;
  const parts: Part[] = [];
  const found: FeaturePart[] = [];
  const since: SincePart[] = [];
  plan.views.forEach((view, i) => {
    parts.push(rowsPart(view, i, dialect), asksPart(plan, view, i, dialect));
    const features = [
      ...view.latest.flatMap((look, j) => latestParts(view, look, i, j, dialect)),
      ...view.sweeps.map((sweep, j) => sweepPart(view, sweep, `sweep_${i}_${j}`, i, dialect)),
      ...view.pairs.map((pairs, j) => pairsPart(view, pairs, `pairs_${i}_${j}`, i, dialect)),
    ];
    const first = hasCounts(view) ? [sincePart(view, i)] : [];
    parts.push(...features, ...first);
    since.push(...first);
    found.push(...features.filter((part): part is FeaturePart => "features" in part));
  });
  const time = timeOf(`l.${quote(plan.labels.time)}`, plan.labels.times, dialect);
  const columns = plan.features.map((feature) => {
    const part = found.find(({ features }) => features.some(({ name }) => name === feature)) as FeaturePart;
    const { column, since: from } = part.features.find(({ name }) => name === feature) as PartFeature;
    const value = `${part.name}.${column}`;
    const counted = `CASE WHEN ${from}.t <= ${time} THEN COALESCE(${value}, 0) END`;
    return `${from === undefined ? value : counted} AS ${quote(dialect.output(feature))}`;
  });
  const matches = ({ name, keys }: SincePart): string[] =>
    keys.map(({ label }, k) => `${name}.k${k} = l.${quote(label)}`);
  const joins = [
    ...found.map((part) => `LEFT JOIN ${part.name} ON ${[...matches(part), `${part.name}.t = ${time}`].join(" AND ")}`),
    ...since.map((part) => `LEFT JOIN ${part.name} ON ${matches(part).join(" AND ")}`),
  ];
  const column = `l.${quote(plan.labels.time)}`;
  const message = `A label has no time in ${plan.labels.time}: fill it in or drop the row`;
  // Of every label, and where no join can leave the evaluation out.
  const dated = `WHERE COALESCE(${time}, ${dialect.fail(message, column)}) IS NOT NULL`;
  const order = plan.labels.ordinal === undefined ? [] : [`ORDER BY l.${quote(plan.labels.ordinal)}`];
  return [
    `WITH ${parts.map(({ name, sql }) => `${name} AS (\n${sql}\n)`).join(",\n")}`,
    `SELECT ${["l.*", ...columns].join(",\n  ")}`,
    `FROM ${tableOf(plan.labels.table, dialect)} AS l`,
    ...joins,
    dated,
    ...order,
  ].join("\n");
}

const tableOf = (name: SqlName, { quote }: SqlDialect): string =>
  (typeof name === "string" ? [name] : name).map(quote).join(".");

const timeOf = (column: string, kind: SqlTime, { micros }: SqlDialect): string => micros(column, kind);

const keyNames = (view: ViewPlan, of = ""): string => view.keys.map((_, k) => `${of}k${k}`).join(", ");

const inputName = (view: ViewPlan, column: string): string => `c${view.inputs.indexOf(column)}`;

/** The rows that can ever be seen, with their place in the order (event, known, ingestion) and the time they enter at. */
function rowsPart(view: ViewPlan, i: number, dialect: SqlDialect): Part {
  const { quote } = dialect;
  const event = quote(view.event);
  const present = [...view.keys.map(({ column }) => quote(column)), event];
  if (view.cut && view.known !== undefined) present.push(quote(view.known));
  const happened = timeOf(event, view.source.times, dialect);
  const known =
    view.known === undefined
      ? happened
      : `COALESCE(${timeOf(quote(view.known), view.source.times, dialect)}, ${forever})`;
  const columns = [
    ...view.keys.map(({ column }, k) => `${quote(column)} AS k${k}`),
    `${happened} AS event`,
    `${known} AS known`,
    `${quote(view.source.ingestion)} AS seq`,
    ...view.inputs.map((column, c) => `${quote(column)} AS c${c}`),
  ];
  const seen = view.strict ? "event + 1" : "event";
  const enter = view.cut ? `GREATEST(${seen}, known)` : seen;
  const inputs = view.inputs.map((_, c) => `c${c}`);
  return {
    name: `rows_${i}`,
    sql: `  SELECT ${[keyNames(view), "event", ...inputs].join(", ")}, ${enter} AS enter,
    ROW_NUMBER() OVER (PARTITION BY ${keyNames(view)} ORDER BY event, known, seq) AS place
  FROM (
    SELECT ${columns.join(", ")}
    FROM ${tableOf(view.source.table, dialect)}
    WHERE ${present.map((column) => `${column} IS NOT NULL`).join(" AND ")}
  ) AS source`,
  };
}

/** The distinct keys and times asked for. */
function asksPart({ labels }: JoinPlan, view: ViewPlan, i: number, dialect: SqlDialect): Part {
  const { quote } = dialect;
  const present = [...view.keys.map(({ label }) => quote(label)), quote(labels.time)];
  const time = timeOf(quote(labels.time), labels.times, dialect);
  return {
    name: `asks_${i}`,
    sql: `  SELECT DISTINCT ${view.keys.map(({ label }, k) => `${quote(label)} AS k${k}`).join(", ")}, ${time} AS t
  FROM ${tableOf(labels.table, dialect)}
  WHERE ${present.map((column) => `${column} IS NOT NULL`).join(" AND ")}`,
  };
}

/** The running frame over rows and asks of a key: at one time, rows come before the asks that see them. */
const frame = (view: ViewPlan): string =>
  `OVER (PARTITION BY ${keyNames(view)} ORDER BY t, asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)`;

/** The place of the last row that each ask sees, the greatest among those that entered by then; and what that row holds. */
function latestParts(
  view: ViewPlan,
  { notNull, features }: LatestPlan,
  i: number,
  j: number,
  dialect: SqlDialect,
): [Part, FeaturePart] {
  const keys = keyNames(view);
  const counted = notNull === undefined ? "" : ` WHERE ${inputName(view, notNull)} IS NOT NULL`;
  const seen = `seen_${i}_${j}`;
  const columns = features.map(({ column, type, span }, f) => {
    const typed = cast(`r.${inputName(view, column)}`, dialect.types[type]);
    const endless = span.width === Infinity;
    return `${endless ? typed : `CASE WHEN r.event >= ${startSql(span, "s.t")} THEN ${typed} END`} AS f${f}`;
  });
  const match = view.keys.map((_, k) => `r.k${k} = s.k${k}`);
  return [
    {
      name: seen,
      sql: `  SELECT ${keys}, t, place FROM (
    SELECT ${keys}, t, asked, MAX(place) ${frame(view)} AS place
    FROM (
      SELECT ${keys}, enter AS t, 0 AS asked, place FROM rows_${i}${counted}
      UNION ALL
      SELECT ${keys}, t, 1 AS asked, NULL AS place FROM asks_${i}
    ) AS merged
  ) AS running
  WHERE asked = 1`,
    },
    {
      name: `latest_${i}_${j}`,
      keys: view.keys,
      features: features.map(({ feature }, f) => ({ name: `${view.name}:${feature}`, column: `f${f}` })),
      sql: `  SELECT ${keyNames(view, "s.")}, s.t, ${columns.join(", ")}
  FROM ${seen} AS s JOIN rows_${i} AS r ON ${match.join(" AND ")} AND r.place = s.place`,
    },
  ];
}

/** `windowStart` and `leavesAt`, in SQL: MOD has the sign of what is divided everywhere. */
function startSql({ width, hop }: Span, time: string): string {
  if (hop === undefined) return `${time} - ${width - 1}`;
  return `${floorSql(`${time} - ${width - 1}`, hop)}`;
}

const leavesSql = ({ width, hop }: Span, event: string): string =>
  hop === undefined ? `${event} + ${width}` : `${floorSql(event, hop)} + ${hop + width - 1}`;

const floorSql = (time: string, hop: number): string => `${time} - MOD(MOD(${time}, ${hop}) + ${hop}, ${hop})`;

const cast = (value: string, type: string | undefined): string =>
  type === undefined ? value : `CAST(${value} AS ${type})`;

/** What a feature sums over rows: how many values there are, and for all but a count their total. */
interface Term {
  readonly name: string;
  readonly value: string;
}

function termsOf(view: ViewPlan, { of, ...read }: WindowedFeature, f: number, dialect: SqlDialect): Term[] {
  if (read.column === undefined) return [{ name: `n${f}`, value: "1" }];
  const column = inputName(view, read.column);
  const total =
    of.aggregate === "share"
      ? `CASE WHEN ${holds(of.predicate, column, read.type === "float", dialect)} THEN 1 ELSE 0 END`
      : `COALESCE(CAST(${column} AS ${dialect.wide}), 0)`;
  return [
    { name: `n${f}`, value: `CASE WHEN ${column} IS NULL THEN 0 ELSE 1 END` },
    { name: `s${f}`, value: total },
  ];
}

const operators: Readonly<Record<Predicate["compare"], string>> = {
  greaterThan: ">",
  atLeast: ">=",
  lessThan: "<",
  atMost: "<=",
  equals: "=",
};

function holds({ compare, value }: Predicate, column: string, float: boolean, dialect: SqlDialect): string {
  const literal =
    typeof value === "string"
      ? dialect.text(value)
      : typeof value === "boolean"
        ? String(value).toUpperCase()
        : `${value}`;
  const test = `${column} ${operators[compare]} ${literal}`;
  return float && dialect.isNaN !== undefined ? `${test} AND NOT (${dialect.isNaN(column)})` : test;
}

/** A row's terms come in when it enters, and go out when it leaves the window. */
function sweepPart(view: ViewPlan, sweep: WindowPlan, name: string, i: number, dialect: SqlDialect): FeaturePart {
  const keys = keyNames(view);
  const terms = sweep.features.flatMap((feature, f) => termsOf(view, feature, f, dialect));
  const entering = terms.map(({ name: term, value }) => `${value} AS ${term}`).join(", ");
  const leaving = terms.map(({ name: term, value }) => `-(${value}) AS ${term}`).join(", ");
  const endless = sweep.span.width === Infinity;
  const leaves = leavesSql(sweep.span, "event");
  const counted = endless ? `FROM rows_${i}` : `FROM rows_${i} WHERE enter < ${leaves}`;
  const departures = `
      UNION ALL
      SELECT ${keys}, ${leaves} AS t, 0 AS asked, ${leaving} ${counted}`;
  const { float64, int32, int64 } = dialect.types;
  const columns = sweep.features.map(({ of }, f) => {
    if (of.aggregate === "count") return `CAST(n${f} AS ${int32}) AS f${f}`;
    if (of.type === "int64") return `CASE WHEN n${f} > 0 THEN CAST(s${f} AS ${int64}) END AS f${f}`;
    const total = `CAST(s${f} AS ${float64})`;
    const value = of.aggregate === "sum" ? total : `${total} / CAST(n${f} AS ${float64})`;
    return `CASE WHEN n${f} > 0 THEN ${value} END AS f${f}`;
  });
  const sums = terms.map(({ name: term }) => `SUM(${term}) ${frame(view)} AS ${term}`);
  return {
    name,
    keys: view.keys,
    features: featuresOf(view, sweep, i),
    sql: `  SELECT ${keys}, t, ${columns.join(", ")} FROM (
    SELECT ${keys}, t, asked,
      ${sums.join(",\n      ")}
    FROM (
      SELECT ${keys}, enter AS t, 0 AS asked, ${entering} ${counted}${endless ? "" : departures}
      UNION ALL
      SELECT ${keys}, t, 1 AS asked, ${terms.map(({ name: term }) => `0 AS ${term}`).join(", ")} FROM asks_${i}
    ) AS deltas
  ) AS running
  WHERE asked = 1`,
  };
}

function aggregate({ of }: WindowedFeature, column: string, dialect: SqlDialect): string {
  const float = `CAST(${column} AS ${dialect.types.float64})`;
  switch (of.aggregate) {
    case "sum":
      return `SUM(${float})`;
    case "mean":
      return `AVG(${float})`;
    case "stddev":
      return `STDDEV_POP(${float})`;
    case "countDistinct":
      return cast(`COUNT(DISTINCT ${column})`, dialect.types.int32);
    case "min":
      return cast(`MIN(${column})`, dialect.types[of.type]);
    case "max":
      return cast(`MAX(${column})`, dialect.types[of.type]);
    case "first":
      // A row whose order is null is left out, so the value is the first that is not null.
      return cast(`MIN_BY(${column}, CASE WHEN ${column} IS NOT NULL THEN r.place END)`, dialect.types[of.type]);
    case "quantile":
      if (dialect.quantile !== undefined) return dialect.quantile(float, of.q);
      throw featureStoreError("DEFINITION_INVALID", {
        of: "A join in SQL",
        value: of,
        rule: `${dialect.name} has no exact quantile as an aggregate`,
      });
    case "approxCountDistinct":
    case "approxQuantile":
      throw featureStoreError("DEFINITION_INVALID", {
        of: "A join in SQL",
        value: of,
        rule: `no database estimates as ${of.aggregate} does; take the exact aggregate, or trainingSet`,
      });
    case "count":
    case "share":
    case "last":
      throw new TypeError(`${of.aggregate} is not computed pair by pair`);
  }
}

function pairsPart(view: ViewPlan, pairs: WindowPlan, name: string, i: number, dialect: SqlDialect): FeaturePart {
  const columns = pairs.features.map(
    (feature, f) => `${aggregate(feature, `r.${inputName(view, feature.column as string)}`, dialect)} AS f${f}`,
  );
  const match = view.keys.map((_, k) => `r.k${k} = a.k${k}`);
  if (pairs.span.width !== Infinity) match.push(`r.event >= ${startSql(pairs.span, "a.t")}`);
  return {
    name,
    keys: view.keys,
    features: featuresOf(view, pairs, i),
    sql: `  SELECT ${keyNames(view, "a.")}, a.t, ${columns.join(", ")}
  FROM asks_${i} AS a JOIN rows_${i} AS r ON ${match.join(" AND ")} AND r.enter <= a.t
  GROUP BY ${keyNames(view, "a.")}, a.t`,
  };
}

const isCount = ({ of }: WindowedFeature): boolean => of.aggregate === "count" || of.aggregate === "countDistinct";

const hasCounts = ({ sweeps, pairs }: ViewPlan): boolean =>
  [...sweeps, ...pairs].some(({ features }) => features.some(isCount));

const sinceName = (i: number): string => `since_${i}`;

/** From when on something of each key can be seen. */
const sincePart = (view: ViewPlan, i: number): SincePart => ({
  name: sinceName(i),
  keys: view.keys,
  sql: `  SELECT ${keyNames(view)}, MIN(enter) AS t FROM rows_${i} GROUP BY ${keyNames(view)}`,
});

const featuresOf = (view: ViewPlan, { features }: WindowPlan, i: number): readonly PartFeature[] =>
  features.map((each, f) => ({
    name: `${view.name}:${each.feature}`,
    column: `f${f}`,
    since: isCount(each) ? sinceName(i) : undefined,
  }));
