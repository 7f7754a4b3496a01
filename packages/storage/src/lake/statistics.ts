import type { RecordBatch } from "apache-arrow";
import type { ColumnType, Scalar } from "../parquet/column-type.ts";
import { type Column, columnsOf } from "../parquet/column.ts";
import { type Bounds, compare } from "../parquet/predicate.ts";
import { parseTimestamp, timestampText } from "./partition.ts";
import { isRecord } from "./schema.ts";

/** Gathers the statistics of one data file: "Per-file Statistics" of the Delta protocol. */
export class FileStatistics {
  rows = 0;
  readonly #columns = new Map<string, ColumnStatistics>();

  observe(batch: RecordBatch): void {
    this.rows += batch.numRows;
    for (const column of columnsOf(batch)) {
      let statistics = this.#columns.get(column.name);
      if (statistics === undefined) this.#columns.set(column.name, (statistics = new ColumnStatistics()));
      statistics.observe(column);
    }
  }

  /** The text of `add.stats`; integers stand in full, whatever their size. */
  toJson(): string {
    const columns = [...this.#columns];
    const texts = (pick: (statistics: ColumnStatistics) => string | undefined): string =>
      columns
        .flatMap(([name, statistics]) => {
          const text = pick(statistics);
          return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
        })
        .join(",");
    const min = texts((statistics) => statistics.bound("min"));
    const max = texts((statistics) => statistics.bound("max"));
    const nulls = texts((statistics) => String(statistics.nulls));
    return `{"numRecords":${this.rows},"minValues":{${min}},"maxValues":{${max}},"nullCount":{${nulls}}}`;
  }
}

const seenStrings = 1024;

class ColumnStatistics {
  nulls = 0;
  #type: ColumnType | undefined;
  #min: Scalar | undefined;
  #max: Scalar | undefined;
  #unordered = false;
  readonly #seen = new Set<string>();

  observe(column: Column): void {
    this.#type = column.type;
    this.nulls += column.nullCount;
    if (column.type === "boolean" || column.type === "binary") return;
    for (let row = 0; row < column.length; row++) {
      if (column.nullCount > 0 && column.isNull(row)) continue;
      const value =
        column.numbers === undefined ? (column.get(row) as Scalar) : (column.numbers[row] as number | bigint);
      if (typeof value === "string") this.#observeString(value);
      else if (this.#min === undefined || this.#max === undefined) this.#first(value);
      else if (value < this.#min) this.#min = value;
      else if (value > this.#max) this.#max = value;
      else if (value !== value) this.#unordered = true;
    }
  }

  #first(value: Scalar): void {
    if (value !== value) this.#unordered = true;
    else this.#min = this.#max = value;
  }

  #observeString(value: string): void {
    if (this.#seen.has(value)) return;
    if (this.#seen.size < seenStrings) this.#seen.add(value);
    if (this.#min === undefined || compare(value, this.#min) < 0) this.#min = value;
    if (this.#max === undefined || compare(value, this.#max) > 0) this.#max = value;
  }

  /** A bound as JSON; undefined where there is none, or where NaN or infinity would make it a lie. */
  bound(end: "min" | "max"): string | undefined {
    const value = end === "min" ? this.#min : this.#max;
    if (value === undefined || this.#unordered || this.#type === undefined) return undefined;
    switch (this.#type) {
      case "string":
        return JSON.stringify(shortened(String(value), end));
      case "timestamp":
      case "timestamp_ntz":
        return JSON.stringify(timestampText(BigInt(value as bigint)));
      case "date":
        return JSON.stringify(new Date(Number(value) * 86_400_000).toISOString().slice(0, 10));
      case "float":
      case "double":
        return Number.isFinite(value) ? JSON.stringify(value) : undefined;
      default:
        return String(value);
    }
  }
}

/** Long strings are cut; the upper bound then gets the greatest character, so that it stays above. */
function shortened(text: string, end: "min" | "max"): string {
  const characters = [...text];
  if (characters.length <= 32) return text;
  return characters.slice(0, 32).join("") + (end === "max" ? "\u{10ffff}" : "");
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
      const min = decodeBound(type, field("minValues", column), "min");
      const max = decodeBound(type, field("maxValues", column), "max");
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

/** JSON in which an integer beyond 2^53 is a bigint. */
function parseExactly(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
      const source = context?.source;
      const inexact = typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined;
      return inexact && /^-?\d+$/.test(source) ? BigInt(source) : value;
    });
  } catch {
    return undefined;
  }
}

function decodeBound(type: ColumnType, value: unknown, end: "min" | "max"): Scalar | undefined {
  switch (type) {
    case "long":
      if (typeof value === "bigint") return value;
      return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined;
    case "timestamp":
    case "timestamp_ntz": {
      const micros = typeof value === "string" ? parseTimestamp(value) : undefined;
      // Writers may cut timestamps to milliseconds, which puts an upper bound too low.
      return micros === undefined ? undefined : end === "max" ? micros + 1000n : micros;
    }
    case "date": {
      const days = typeof value === "string" ? Date.parse(`${value}T00:00:00Z`) / 86_400_000 : Number.NaN;
      return Number.isNaN(days) ? undefined : days;
    }
    case "string":
      return typeof value === "string" ? value : undefined;
    case "byte":
    case "short":
    case "integer":
    case "float":
    case "double":
      return typeof value === "number" ? value : undefined;
    case "boolean":
    case "binary":
      return undefined;
  }
}
