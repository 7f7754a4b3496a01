import type { Predicate, SetValue } from "@ashlar/storage/lake";
import fc from "fast-check";

/** A row of the tables that histories are made of: `part` is their partition column. */
export interface HistoryRow {
  readonly id: bigint;
  readonly part: string | null;
  readonly name: string | null;
  readonly score: number | null;
  /** Added by a later operation; null before. */
  readonly extra: bigint | null;
}

export type HistoryRows = readonly HistoryRow[];

/** One operation on a table, in plain values. `version` counts the operations so far: 0 is the first. */
export type HistoryOperation =
  | { readonly kind: "append"; readonly rows: HistoryRows; readonly evolve: boolean }
  | { readonly kind: "overwrite"; readonly rows: HistoryRows }
  | { readonly kind: "replaceWhere"; readonly where: Predicate; readonly rows: HistoryRows }
  | { readonly kind: "replaceTouched"; readonly rows: HistoryRows }
  | { readonly kind: "delete"; readonly where: Predicate }
  | { readonly kind: "update"; readonly where: Predicate; readonly set: Readonly<Record<string, SetValue>> }
  | {
      readonly kind: "merge";
      readonly rows: HistoryRows;
      readonly whenMatched: "update" | "delete" | "ignore";
      readonly whenNotMatched: "insert" | "ignore";
      readonly whenNotMatchedBySource: "delete" | "ignore";
    }
  | { readonly kind: "optimize"; readonly order: "none" | "sort" | "z-order" }
  | { readonly kind: "restore"; readonly back: number }
  | { readonly kind: "vacuum" };

const parts = ["a", "b", "ü/1", null] as const;

const row: fc.Arbitrary<HistoryRow> = fc.record({
  id: fc.bigInt(0n, 40n),
  part: fc.constantFrom(...parts),
  name: fc.option(fc.string({ maxLength: 6, unit: "grapheme" }), { nil: null }),
  score: fc.option(fc.integer({ min: -50, max: 50 }).map(Number), { nil: null }),
  extra: fc.option(fc.bigInt(0n, 9n), { nil: null }),
});

const rowsOf = (maxLength: number): fc.Arbitrary<HistoryRows> => fc.array(row, { minLength: 1, maxLength });

const keyed = fc.uniqueArray(row, { minLength: 1, maxLength: 12, selector: ({ id }) => id });

const where: fc.Arbitrary<Predicate> = fc.oneof(
  fc.bigInt(0n, 40n).map((id): Predicate => ({ id: { gte: id } })),
  fc.bigInt(0n, 40n).map((id): Predicate => ({ id })),
  fc.constantFrom("a", "b", "ü/1").map((part): Predicate => ({ part })),
  fc
    .tuple(fc.constantFrom("a", "b"), fc.integer({ min: -50, max: 50 }))
    .map(([part, score]): Predicate => ({ part, score: { lt: score } })),
  fc.constant<Predicate>({ name: { null: true } }),
  fc.constant<Predicate>({}),
);

const set: fc.Arbitrary<Readonly<Record<string, SetValue>>> = fc.oneof(
  fc.integer({ min: -50, max: 50 }).map((score) => ({ score })),
  fc.constantFrom(...parts).map((part) => ({ part })),
  fc.constant({ name: null, score: 0 }),
);

/** Rows that all match the predicate of what they replace. */
const replacement = fc.tuple(fc.constantFrom("a", "b"), rowsOf(6)).map(([part, rows]) => ({
  kind: "replaceWhere" as const,
  where: { part },
  rows: rows.map((one) => ({ ...one, part })),
}));

const byRange = fc.tuple(fc.bigInt(0n, 40n), rowsOf(6)).map(([low, rows]) => ({
  kind: "replaceWhere" as const,
  where: { id: { gte: low } },
  rows: rows.map((one) => ({ ...one, id: one.id < low ? low : one.id })),
}));

const operation: fc.Arbitrary<HistoryOperation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("append"), rows: rowsOf(12), evolve: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("overwrite"), rows: rowsOf(12) }) },
  { weight: 1, arbitrary: replacement },
  { weight: 1, arbitrary: byRange },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("replaceTouched"), rows: rowsOf(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete"), where }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("update"), where, set }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("merge"),
      rows: keyed,
      whenMatched: fc.constantFrom("update", "delete", "ignore"),
      whenNotMatched: fc.constantFrom("insert", "ignore"),
      whenNotMatchedBySource: fc.constantFrom("ignore", "ignore", "delete"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("optimize"), order: fc.constantFrom("none", "sort", "z-order") }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restore"), back: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("vacuum") }) },
);

/** A history of a table: the rows it begins with, and what is done to it then, up to `operations` times. */
export function historyOf(operations: number): fc.Arbitrary<readonly HistoryOperation[]> {
  const first = rowsOf(20).map((rows): HistoryOperation => ({ kind: "append", rows, evolve: false }));
  return fc
    .tuple(first, fc.array(operation, { maxLength: operations, size: "max" }))
    .map(([begin, rest]) => [begin, ...rest]);
}

/** Whether a row matches, in the plainest way: the oracle. */
export function matches(one: HistoryRow, predicate: Predicate): boolean {
  return Object.entries(predicate).every(([column, given]) => {
    const value = one[column as keyof HistoryRow];
    const condition = typeof given === "object" ? given : { eq: given };
    if (condition.null !== undefined) return (value === null) === condition.null;
    if (value === null) return false;
    if (condition.eq !== undefined) return value === condition.eq;
    return (
      (condition.gte === undefined || value >= condition.gte) && (condition.lt === undefined || value < condition.lt)
    );
  });
}

/** What a table holds after an operation, given all it has held so far: the oracle. */
export function applied(past: readonly HistoryRows[], operation: HistoryOperation): HistoryRows {
  const rows = past.at(-1) ?? [];
  switch (operation.kind) {
    case "append":
      return [...rows, ...operation.rows.map((one) => (operation.evolve ? one : { ...one, extra: null }))];
    case "overwrite":
      return operation.rows.map((one) => ({ ...one, extra: null }));
    case "replaceWhere": {
      const added = operation.rows.map((one) => ({ ...one, extra: null }));
      return [...rows.filter((one) => !matches(one, operation.where)), ...added];
    }
    case "replaceTouched": {
      const touched = new Set(operation.rows.map(({ part }) => part));
      const added = operation.rows.map((one) => ({ ...one, extra: null }));
      return [...rows.filter(({ part }) => !touched.has(part)), ...added];
    }
    case "delete":
      return rows.filter((one) => !matches(one, operation.where));
    case "update":
      return rows.map((one) => (matches(one, operation.where) ? ({ ...one, ...operation.set } as HistoryRow) : one));
    case "merge":
      return merged(rows, operation);
    case "optimize":
    case "vacuum":
      return rows;
    case "restore":
      return past[Math.max(0, past.length - 1 - operation.back)] ?? [];
  }
}

function merged(rows: HistoryRows, operation: HistoryOperation & { readonly kind: "merge" }): HistoryRows {
  const source = new Map(operation.rows.map((one) => [one.id, one]));
  const found = new Set<bigint>();
  const kept = rows.flatMap((one) => {
    const other = source.get(one.id);
    if (other === undefined) return operation.whenNotMatchedBySource === "delete" ? [] : [one];
    found.add(one.id);
    if (operation.whenMatched === "delete") return [];
    // The rows to merge lack the later column: it stays as it is.
    return operation.whenMatched === "update" ? [{ ...other, extra: one.extra }] : [one];
  });
  if (operation.whenNotMatched === "ignore") return kept;
  const added = operation.rows.filter(({ id }) => !found.has(id)).map((one) => ({ ...one, extra: null }));
  return [...kept, ...added];
}
