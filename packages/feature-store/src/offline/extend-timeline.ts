import type { ColumnData } from "./column-data.ts";
import type { Timeline } from "./timeline.ts";

/**
 * A timeline and that of rows ingested after its own, by codes of one dictionary, merged into one: what a timeline of all
 * rows together would be.
 *
 * @returns undefined when a column is of another kind than before
 */
export function extendTimeline(base: Timeline, added: Timeline): Timeline | undefined {
  const columns = new Map<string, ColumnData>();
  for (const [name, data] of base.columns) {
    const joined = concat(data, added.columns.get(name) as ColumnData);
    if (joined === undefined) return undefined;
    columns.set(name, joined);
  }
  const size = base.event.length + added.event.length;
  const event = new Float64Array(size);
  const known = base.known === undefined ? undefined : new Float64Array(size);
  const source = new Uint32Array(size);
  const starts = new Uint32Array(added.starts.length);
  const shift = base.columns.values().next().value?.values.length ?? 0;
  let at = 0;
  const take = (from: Timeline, row: number, by: number): void => {
    event[at] = from.event[row] as number;
    if (known !== undefined) known[at] = from.known?.[row] as number;
    source[at++] = (from.source[row] as number) + by;
  };
  for (let key = 0; key + 1 < starts.length; key++) {
    starts[key] = at;
    let old = base.starts[key] ?? base.event.length;
    const oldEnd = base.starts[key + 1] ?? base.event.length;
    for (let row = added.starts[key] as number; row < (added.starts[key + 1] as number); row++) {
      // Of rows of one time the earlier ingested comes first.
      while (old < oldEnd && !isAfter(base, old, added, row)) take(base, old++, 0);
      take(added, row, shift);
    }
    while (old < oldEnd) take(base, old++, 0);
  }
  starts[starts.length - 1] = at;
  const ignored = {
    nullKey: base.ignored.nullKey + added.ignored.nullKey,
    nullEventTime: base.ignored.nullEventTime + added.ignored.nullEventTime,
    nullKnownAt: base.ignored.nullKnownAt + added.ignored.nullKnownAt,
  };
  return { keys: added.keys, starts, event, known, source, columns, ignored };
}

function isAfter(base: Timeline, old: number, added: Timeline, row: number): boolean {
  const difference = (base.event[old] as number) - (added.event[row] as number);
  if (difference !== 0) return difference > 0;
  return (base.known?.[old] ?? 0) > (added.known?.[row] ?? 0);
}

function concat(left: ColumnData, right: ColumnData): ColumnData | undefined {
  // A source without rows has columns of no kind.
  if (left.values.length === 0) return right;
  if (right.values.length === 0) return left;
  const nulls = validity(left, right);
  if (left.kind === "number" && right.kind === "number" && left.integer === right.integer) {
    return { ...left, values: joined(Float64Array, left.values, right.values), ...nulls };
  }
  if (left.kind === "time" && right.kind === "time" && left.naive === right.naive) {
    return { ...left, values: joined(Float64Array, left.values, right.values), ...nulls };
  }
  if (left.kind === "boolean" && right.kind === "boolean") {
    return { ...left, values: joined(Uint8Array, left.values, right.values), ...nulls };
  }
  if (left.kind === "bigint" && right.kind === "bigint") {
    const values = new BigInt64Array(left.values.length + right.values.length);
    values.set(left.values);
    values.set(right.values, left.values.length);
    return { ...left, values, ...nulls };
  }
  if (left.kind === "vector" && right.kind === "vector") {
    return { ...left, values: [...left.values, ...right.values], ...nulls };
  }
  if (left.kind !== "string" || right.kind !== "string") return undefined;
  const codes = new Map(left.dictionary.map((text, code) => [text, code]));
  const translated = right.dictionary.map((text) => {
    const code = codes.get(text) ?? codes.size;
    codes.set(text, code);
    return code;
  });
  const values = joined(
    Int32Array,
    left.values,
    right.values.map((code) => translated[code] ?? 0),
  );
  return { ...left, values, dictionary: [...codes.keys()], ...nulls };
}

function joined<Numbers extends Float64Array | Int32Array | Uint8Array>(
  type: new (length: number) => Numbers,
  left: Numbers,
  right: Numbers,
): Numbers {
  const values = new type(left.length + right.length);
  values.set(left);
  values.set(right, left.length);
  return values;
}

function validity(left: ColumnData, right: ColumnData): { valid?: Uint8Array } {
  if (left.valid === undefined && right.valid === undefined) return {};
  const valid = new Uint8Array(left.values.length + right.values.length).fill(1);
  if (left.valid !== undefined) valid.set(left.valid);
  if (right.valid !== undefined) valid.set(right.valid, left.values.length);
  return { valid };
}
