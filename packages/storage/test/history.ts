import type { Predicate, SetValue } from "@ashlar/storage/lake";
import fc from "fast-check";

/** A row of the tables that histories are made of: `part` is their partition column. */
export interface HistoryRow {
  readonly id: bigint;
  readonly part: string | null;
  readonly name: string | null;
  readonly score: number | null;
  /** Of an integer type that is widened in time, and then holds greater numbers. */
  readonly count: number | null;
  /** Added by a later operation; null before. */
  readonly extra: bigint | null;
}

export type HistoryRows = readonly HistoryRow[];

/** What the columns of a table are called, and of which types they are. */
export interface HistoryShape {
  /** `name` is called `title`. */
  readonly title: boolean;
  readonly extra: boolean;
  /** The type of `count`: 0 for a byte, to 3 for a long. */
  readonly width: number;
  /** Columns have names of their own in files. */
  readonly mapped: boolean;
}

export const firstShape: HistoryShape = { title: false, extra: false, width: 0, mapped: false };
export const countTypes = ["byte", "short", "integer", "long"] as const;

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
  | { readonly kind: "rename" | "widen" | "add column" | "drop column" }
  | { readonly kind: "restore"; readonly back: number }
  | { readonly kind: "vacuum" };

const parts = ["a", "b", "ü/1", null] as const;

const row: fc.Arbitrary<HistoryRow> = fc.record({
  id: fc.bigInt(0n, 40n),
  part: fc.constantFrom(...parts),
  name: fc.option(fc.string({ maxLength: 6, unit: "grapheme" }), { nil: null }),
  score: fc.option(fc.integer({ min: -50, max: 50 }).map(Number), { nil: null }),
  count: fc.option(fc.integer({ min: -128, max: 127 }), { nil: null }),
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
  fc.integer({ min: -40_000, max: 40_000 }).map((count): Predicate => ({ count: { gte: count } })),
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

const alteration: fc.Arbitrary<HistoryOperation> = fc.record({
  kind: fc.constantFrom("rename", "widen", "add column", "drop column"),
});

const unaltered: fc.Arbitrary<HistoryOperation> = fc.oneof(
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

export interface HistoryOptions {
  /** Operations after the first, at most. */
  readonly operations: number;
  /** @default as many as chance has it */
  readonly exactly?: boolean;
  /** Whether columns are renamed, widened, added and dropped, which not every engine can read. @default true */
  readonly altered?: boolean;
}

/** A history of a table: the rows it begins with, and what is done to it then. */
export function historyOf({
  operations,
  exactly = false,
  altered = true,
}: HistoryOptions): fc.Arbitrary<readonly HistoryOperation[]> {
  const operation = altered
    ? fc.oneof({ weight: 9, arbitrary: unaltered }, { weight: 2, arbitrary: alteration })
    : unaltered;
  const length = { minLength: exactly ? operations : 0, maxLength: operations, size: "max" } as const;
  const first = rowsOf(20).map((rows): HistoryOperation => ({ kind: "append", rows, evolve: false }));
  return fc.tuple(first, fc.array(operation, length)).map(([begin, rest]) => [begin, ...rest]);
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

/** What a table holds and looks like after an operation. */
export interface HistoryState {
  readonly rows: HistoryRows;
  readonly shape: HistoryShape;
}

/** What a table is after an operation, given all it has been so far: the oracle. */
export function applied(past: readonly HistoryState[], operation: HistoryOperation): HistoryState {
  const { rows, shape } = past.at(-1) ?? { rows: [], shape: firstShape };
  if (operation.kind === "restore") return past[Math.max(0, past.length - 1 - operation.back)] ?? { rows, shape };
  return { rows: changedRows(rows, withCounts(shape, operation)), shape: shapeAfter(shape, operation) };
}

/** The operation with the numbers that a column of the type can hold. */
export function withCounts<Operation extends HistoryOperation>(
  { width }: HistoryShape,
  operation: Operation,
): Operation {
  if (!("rows" in operation)) return operation;
  const scaled = operation.rows.map((one) => ({ ...one, count: one.count === null ? null : one.count * 256 ** width }));
  return { ...operation, rows: scaled };
}

function shapeAfter(shape: HistoryShape, operation: HistoryOperation): HistoryShape {
  switch (operation.kind) {
    case "append":
      return operation.evolve ? { ...shape, extra: true } : shape;
    case "add column":
      return { ...shape, extra: true };
    case "drop column":
      return shape.extra ? { ...shape, extra: false, mapped: true } : shape;
    case "rename":
      return { ...shape, title: !shape.title, mapped: true };
    case "widen":
      return { ...shape, width: Math.min(countTypes.length - 1, shape.width + 1) };
    default:
      return shape;
  }
}

type RowOperation = Exclude<HistoryOperation, { readonly kind: "restore" }>;

function changedRows(rows: HistoryRows, operation: RowOperation): HistoryRows {
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
    case "drop column":
      return rows.map((one) => ({ ...one, extra: null }));
    default:
      return rows;
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
