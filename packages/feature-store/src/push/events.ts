import { createHash } from "node:crypto";
import type { Feature, FeatureView, ViewKey } from "../define/feature-view.ts";
import { clockSkew, type PushSource } from "../define/push-source.ts";
import type { Value } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import { aggregations } from "../offline/aggregation.ts";
import type { ColumnData } from "../offline/column-data.ts";
import { columnReader } from "../offline/column-reader.ts";
import { inputColumns, readerOf } from "../offline/join.ts";
import { exactInteger, isInteger, type KeyPart } from "../offline/key-dictionary.ts";
import { buildTimeline } from "../offline/timeline.ts";
import { entityKey } from "../online/entity-key.ts";
import { layoutOf } from "../online/layout.ts";
import type { OnlineEntry } from "../online/port.ts";
import type { RowCell } from "../source/rows.ts";
import { eventColumns } from "./event-columns.ts";
import { type EventCell, Instant } from "./instant.ts";
import type { TileLayout } from "./tile.ts";
import type { TileEvent } from "./tile-event.ts";

/** A row of a view's source, by column. Integers of a 64-bit column come as bigints; a `Date` is a time. */
export type PushEvent = Readonly<Record<string, RowCell>>;

/** An event that has been checked. */
export interface ReadEvent extends TileEvent {
  readonly entity: Uint8Array;
}

const longestId = 256;

/** Below the place of any event in a tile, and below what history says: a number of 48 bits that follows from the id alone. */
const rankOf = (id: string): number => createHash("sha256").update(id).digest().readUIntBE(0, 6) - 2 ** 48;

/**
 * Checks events, all before any has an effect.
 *
 * @returns them, and what makes the vector of the plain features of one. Of events of one event and known time that of the
 * greater `arrived` stays, and of those that no tile remembers the one of the greater rank: whatever comes first or again
 * @throws PUSH_INVALID, COLUMN_TYPE_MISMATCH, VALUE_OUT_OF_RANGE
 */
export function readEvents(
  view: FeatureView & { readonly push: PushSource },
  layout: TileLayout,
  events: readonly PushEvent[],
  now: number,
): { readonly events: ReadEvent[]; readonly vector: (row: number, arrived: number | undefined) => OnlineEntry } {
  events.forEach((event: unknown, row) => {
    if (typeof event !== "object" || event === null) throw invalidEvent(view, row, "it is no object");
  });
  const inputs = inputColumns(view);
  const cells = inputs.map((column) => events.map((event, row) => cellOf(view, event, row, column)));
  const columns = eventColumns(view, inputs, (i) => cells[i] ?? []);
  assertColumns(view, columns, events.length);
  const kept = layout.columns.map((column) => inputs.indexOf(column));
  const read = events.map((event, row): ReadEvent => {
    const happened = timeOf(view, event, row, view.eventTime, now);
    const known = view.knownAt === undefined ? happened : timeOf(view, event, row, view.knownAt, now);
    return {
      entity: entityKey(view.keys.map((key) => keyPart(view, event, row, key))),
      id: idOf(view, event, row),
      event: happened,
      known,
      cells: kept.map((i) => cells[i]?.[row] ?? null),
    };
  });
  const values = plainValues(view, columns);
  const vectors = layoutOf(view.features);
  return {
    events: read,
    vector: (row, arrived) => {
      const { entity, event, known, id } = read[row] as ReadEvent;
      return { key: entity, vector: vectors.pack(values(row), { event, known, asOf: arrived ?? rankOf(id) }) };
    },
  };
}

/** The values of a view's features of one row, in the order of its layout; null for windows. */
export function plainValues(
  view: FeatureView,
  columns: ReadonlyMap<string, ColumnData>,
): (row: number) => (Value | null)[] {
  const readers = Object.values<Feature>(view.features).map((feature) =>
    feature.kind === "column" ? readerOf(view, feature, columns) : () => null,
  );
  return (row) => readers.map((read) => read(row));
}

/** So that no later read meets a value that its feature cannot hold. @throws COLUMN_TYPE_MISMATCH, VALUE_OUT_OF_RANGE */
function assertColumns(view: FeatureView, columns: ReadonlyMap<string, ColumnData>, rows: number): void {
  if (rows === 0) return;
  const times = new Float64Array(rows);
  const keys = { size: 1, key: (): KeyPart[] => [] };
  const aggregation = aggregations(
    buildTimeline({ keys, codes: new Int32Array(rows), event: times, known: undefined, columns }),
    view,
  );
  const table = view.source.name;
  for (const feature of Object.values<Feature>(view.features)) {
    if (feature.kind === "column") continue;
    aggregation(feature);
    const { of } = feature;
    if (of.aggregate !== "min" && of.aggregate !== "max" && of.aggregate !== "first" && of.aggregate !== "last")
      continue;
    const read = columnReader(columns.get(of.column) as ColumnData, of.type, {
      column: of.column,
      table,
      timezone: "UTC",
    });
    for (let row = 0; row < rows; row++) read(row);
  }
}

export const invalidEvent = (view: FeatureView, row: number | undefined, rule: string): Error =>
  featureStoreError("PUSH_INVALID", { view: view.name, row, rule });

function cellOf(view: FeatureView, event: PushEvent, row: number, column: string): EventCell {
  const cell = event[column];
  if (cell === undefined)
    throw invalidEvent(view, row, `it has nothing in "${column}"; a value that is not there is null`);
  if (cell instanceof Date) {
    if (Number.isNaN(cell.getTime())) throw invalidEvent(view, row, `"${column}" is no time`);
    return new Instant(cell.getTime() * 1000);
  }
  if (typeof cell === "bigint" && BigInt.asIntN(64, cell) !== cell) {
    throw invalidEvent(view, row, `"${column}" is an integer of more than 64 bits`);
  }
  if (cell instanceof Float32Array) return cell;
  const fits = cell === null || ["string", "number", "bigint", "boolean"].includes(typeof cell);
  if (!fits) throw invalidEvent(view, row, `"${column}" is neither text, number, boolean, Date nor vector`);
  return cell;
}

/** @returns epoch microseconds */
function timeOf(view: FeatureView, event: PushEvent, row: number, column: string, now: number): number {
  const cell = event[column];
  const micros = cell instanceof Date ? cell.getTime() * 1000 : Number.NaN;
  if (!Number.isSafeInteger(micros)) throw invalidEvent(view, row, `"${column}" is no Date with a time`);
  if (micros > now * 1000 + clockSkew) {
    throw invalidEvent(view, row, `"${column}" lies more than a minute in the future; push it when it has come`);
  }
  return micros;
}

function idOf(view: FeatureView & { readonly push: PushSource }, event: PushEvent, row: number): string {
  const cell = event[view.push.id];
  const id = typeof cell === "bigint" || Number.isSafeInteger(cell) ? String(cell) : cell;
  if (typeof id === "string" && id !== "" && Buffer.byteLength(id) <= longestId) return id;
  throw invalidEvent(view, row, `its id in "${view.push.id}" is no text of 1 to ${longestId} bytes and no integer`);
}

function keyPart(view: FeatureView, event: PushEvent, row: number, { column, type }: ViewKey): KeyPart {
  const cell = event[column];
  if (type === "int64" && isInteger(cell)) return exactInteger(cell);
  if (type !== "int64" && typeof cell === type) return cell as KeyPart;
  throw invalidEvent(view, row, `its key "${column}" is no ${type}`);
}
