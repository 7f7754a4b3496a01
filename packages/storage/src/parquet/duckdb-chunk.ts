import { type ColumnType, typeText } from "./column-type.ts";
import type { Column } from "./column.ts";
import { type Fill, fillOf, vectorRows } from "./duckdb-fill.ts";
import type { DuckDbAppender, DuckDbChunk } from "./duckdb-library.ts";
import type { DuckDbSession } from "./duckdb-session.ts";

/** A chunk that is filled and appended time after time: making one, and its vectors, costs more than filling it. */
export interface ReusedChunk {
  readonly chunk: DuckDbChunk;
  readonly fills: readonly Fill[];
}

/** Appends all rows of the columns, a chunk at a time. Nothing else happens meanwhile, so writers share their chunks. */
export function appendRows(
  session: DuckDbSession,
  types: readonly (readonly [name: string, type: ColumnType])[],
  appender: DuckDbAppender,
  columns: readonly Column[],
  rows: number,
): void {
  const key = types.map(([, type]) => typeText(type)).join();
  for (let start = 0; start < rows; start += vectorRows) {
    const size = Math.min(vectorRows, rows - start);
    let reused = session.chunks.get(key);
    if (reused === undefined) session.chunks.set(key, (reused = makeChunk(session, types, appender)));
    const { chunk, fills } = reused;
    for (const [index, fill] of fills.entries()) fill.write(columns[index] as Column, start, size);
    chunk.rowCount = size;
    appender.appendDataChunk(chunk);
    if (fills.some((fill) => fill.exhausted)) session.chunks.delete(key);
  }
}

function makeChunk(
  { lib }: DuckDbSession,
  types: readonly (readonly [name: string, type: ColumnType])[],
  appender: DuckDbAppender,
): ReusedChunk {
  const chunk = lib.DuckDBDataChunk.create(
    types.map((_, index) => appender.columnType(index)),
    vectorRows,
  );
  return { chunk, fills: types.map(([, type], index) => fillOf(lib, type, chunk.getColumnVector(index))) };
}
