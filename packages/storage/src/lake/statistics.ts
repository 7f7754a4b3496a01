import type { Data, RecordBatch, Struct } from "apache-arrow";
import { type ColumnType, isNested } from "../parquet/column-type.ts";
import { type Column, columnOf, columnsOf } from "../parquet/column.ts";
import type { Bounds } from "../parquet/predicate.ts";
import { ColumnBounds } from "../parquet/column-bounds.ts";
import { isRecord } from "./schema.ts";
import { boundText, parseBound, parseExactly } from "./statistics-text.ts";

/** Gathers the statistics of one data file: "Per-file Statistics" of the Delta protocol. */
export class FileStatistics {
  rows = 0;
  readonly #columns = new Map<string, ColumnStatistics>();

  observe(batch: RecordBatch): void {
    this.rows += batch.numRows;
    for (const column of columnsOf(batch)) statisticsOf(this.#columns, column).observe(column, undefined);
  }

  /** The text of `add.stats`; numbers stand in full, whatever their size. */
  toJson(): string {
    const min = objectText(this.#columns, (statistics) => statistics.bound("min"));
    const max = objectText(this.#columns, (statistics) => statistics.bound("max"));
    const nulls = objectText(this.#columns, (statistics) => statistics.nullText());
    return statsText(this.rows, min, max, nulls);
  }
}

/** The text of `add.stats` for a file whose writer told the bounds of its flat columns. */
export function statisticsText(
  rows: number,
  types: ReadonlyMap<string, ColumnType>,
  columns: ReadonlyMap<string, Pick<Bounds, "min" | "max" | "nulls">>,
): string {
  const boundOf = (end: "min" | "max"): string | undefined =>
    objectText(columns, (bounds, name) => {
      const value = bounds[end];
      return value === undefined ? undefined : boundText(types.get(name) ?? "binary", value, end);
    });
  const nulls = objectText(columns, (bounds) => (bounds.nulls === undefined ? undefined : String(bounds.nulls)));
  return statsText(rows, boundOf("min"), boundOf("max"), nulls);
}

const statsText = (rows: number, min = "{}", max = "{}", nulls = "{}"): string =>
  `{"numRecords":${rows},"minValues":${min},"maxValues":${max},"nullCount":${nulls}}`;

type NullTest = ((row: number) => boolean) | undefined;

/** Of a column, or of a struct's field: the statistics of a struct are those of its fields. */
class ColumnStatistics {
  readonly #type: ColumnType;
  readonly #bounds: ColumnBounds | undefined;
  readonly #fields = new Map<string, ColumnStatistics>();
  #nulls = 0;

  constructor(type: ColumnType) {
    this.#type = type;
    this.#bounds = isNested(type) || type === "boolean" || type === "binary" ? undefined : new ColumnBounds();
  }

  /** `outer` tells in which rows a struct around it is null. */
  observe(column: Column, outer: NullTest): void {
    const isNull = nullTest(column, outer);
    if (isStruct(this.#type)) return this.#observeFields(column, isNull);
    this.#nulls += outer === undefined ? column.nullCount : count(column.length, isNull);
    this.#bounds?.observe(column, isNull);
  }

  #observeFields({ data }: Column, isNull: NullTest): void {
    for (const [index, field] of (data.type as Struct).children.entries()) {
      const part = columnOf(field, data.children[index] as Data);
      statisticsOf(this.#fields, part).observe(part, isNull);
    }
  }

  bound(end: "min" | "max"): string | undefined {
    if (isStruct(this.#type)) return objectText(this.#fields, (statistics) => statistics.bound(end));
    const value = this.#bounds?.[end];
    return value === undefined || this.#bounds?.unordered === true ? undefined : boundText(this.#type, value, end);
  }

  nullText(): string | undefined {
    return isStruct(this.#type) ? objectText(this.#fields, (statistics) => statistics.nullText()) : String(this.#nulls);
  }
}

const isStruct = (type: ColumnType): boolean => isNested(type) && type.type === "struct";

function statisticsOf(known: Map<string, ColumnStatistics>, column: Column): ColumnStatistics {
  let statistics = known.get(column.name);
  if (statistics === undefined) known.set(column.name, (statistics = new ColumnStatistics(column.type)));
  return statistics;
}

function nullTest(column: Column, outer: NullTest): NullTest {
  if (column.nullCount === 0) return outer;
  return outer === undefined ? (row) => column.isNull(row) : (row) => outer(row) || column.isNull(row);
}

function count(rows: number, isNull: NullTest): number {
  let nulls = 0;
  if (isNull !== undefined) for (let row = 0; row < rows; row++) if (isNull(row)) nulls += 1;
  return nulls;
}

/** A JSON object of what each column has to say; undefined when none has. */
function objectText<Column>(
  columns: ReadonlyMap<string, Column>,
  pick: (column: Column, name: string) => string | undefined,
): string | undefined {
  const texts = [...columns].flatMap(([name, column]) => {
    const text = pick(column, name);
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
  });
  return texts.length === 0 ? undefined : `{${texts.join(",")}}`;
}

/** What a file's statistics say. Missing or unreadable statistics say nothing: the file is then read. */
export interface ParsedStatistics {
  readonly rows?: number;
  boundsOf(column: string, type: ColumnType): Bounds;
}

export function parseStatistics(text: string | undefined): ParsedStatistics {
  const stats = text === undefined ? undefined : parseExactly(text);
  if (!isRecord(stats)) return { boundsOf: () => ({}) };
  const rows = typeof stats["numRecords"] === "number" ? { rows: stats["numRecords"] } : {};
  const field = (group: string, column: string): unknown => {
    const values = stats[group];
    return isRecord(values) ? values[column] : undefined;
  };
  return {
    ...rows,
    boundsOf(column, type) {
      const min = parseBound(type, field("minValues", column), "min");
      const max = parseBound(type, field("maxValues", column), "max");
      const nulls = field("nullCount", column);
      return {
        ...rows,
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
        ...(typeof nulls === "number" ? { nulls } : {}),
      };
    },
  };
}
