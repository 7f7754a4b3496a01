/** One row of a source as the oracle sees it: times in microseconds, null where absent. */
export interface OracleRow {
  readonly key: readonly (string | null)[];
  readonly event: number | null;
  readonly known: number | null;
  readonly value: number | null;
}

export interface OracleLabel {
  readonly key: readonly (string | null)[];
  readonly time: number;
}

export interface OracleOptions {
  readonly ttl: number;
  readonly width: number;
  readonly knownAt: boolean;
  readonly strict: boolean;
}

export interface OracleAnswer {
  readonly last: number | null;
  readonly count: number;
  readonly sum: number | null;
  readonly mean: number | null;
  readonly share: number | null;
  readonly stddev: number | null;
}

/** The join by its definition, row by row: slow, and independent of every engine. The share is of values above 2. */
export function oracle(rows: readonly OracleRow[], label: OracleLabel, options: OracleOptions): OracleAnswer {
  let last: (OracleRow & { event: number }) | undefined;
  const inWindow: OracleRow[] = [];
  for (const row of rows) {
    const { event } = row;
    if (event === null || row.key.some((part, i) => part === null || part !== label.key[i])) continue;
    if (options.strict ? event >= label.time : event > label.time) continue;
    if (options.knownAt && (row.known === null || row.known > label.time)) continue;
    if (event > label.time - options.width) inWindow.push(row);
    const later =
      last === undefined ||
      event > last.event ||
      (event === last.event && (row.known ?? Infinity) >= (last.known ?? Infinity));
    if (later) last = { ...row, event };
  }
  const values = inWindow.map(({ value }) => value).filter((value) => value !== null);
  const sum = values.reduce((total, value) => total + value, 0);
  const mean = values.length === 0 ? null : sum / values.length;
  const deviations = values.map((value) => (value - (mean ?? 0)) ** 2).reduce((total, each) => total + each, 0);
  return {
    last: last !== undefined && last.event >= label.time - options.ttl ? last.value : null,
    count: inWindow.length,
    sum: values.length === 0 ? null : sum,
    mean,
    share: values.length === 0 ? null : values.filter((value) => value > 2).length / values.length,
    stddev: values.length === 0 ? null : Math.sqrt(deviations / values.length),
  };
}
