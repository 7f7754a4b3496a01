import type { FeatureView } from "../define/feature-view.ts";
import type { ColumnData } from "../offline/column-data.ts";
import { KeyDictionary } from "../offline/key-dictionary.ts";
import { timeColumn } from "../offline/time-column.ts";
import { buildTimeline, type Timeline } from "../offline/timeline.ts";
import { bytesOf, concat, pick } from "../offline/column-pieces.ts";
import { type HashRange, lowerHalf } from "./hash-range.ts";
import { hashOf } from "./key-table.ts";
import { type ScannedColumns, sourceColumns } from "./scan-rows.ts";

interface Piece {
  /** Of the keys of its rows. */
  readonly hashes: Uint32Array;
  /** By the names of the columns, in order. */
  readonly columns: readonly ColumnData[];
}

/** All rows of some keys, gathered from a scan to make a timeline of. */
export class GatheredRows {
  readonly #view: FeatureView;
  readonly #names: readonly string[];
  #range: HashRange;
  #pieces: Piece[] = [];
  #nullKey = 0;
  #nullEventTime = 0;
  /** What the rows take, about. */
  byteLength = 0;

  constructor(view: FeatureView, range: HashRange) {
    this.#view = view;
    this.#names = sourceColumns(view);
    this.#range = range;
  }

  get range(): HashRange {
    return this.#range;
  }

  /** Rows that no read can see, among those given. */
  get ignored(): { readonly nullKey: number; readonly nullEventTime: number } {
    return { nullKey: this.#nullKey, nullEventTime: this.#nullEventTime };
  }

  add({ count, keys, event, column }: ScannedColumns): void {
    const rows = new Uint32Array(count);
    const hashes = new Uint32Array(count);
    const { start, end } = this.#range;
    let size = 0;
    for (let row = 0; row < count; row++) {
      const length = keys.write(row);
      if (length === 0) this.#nullKey++;
      else if (Number.isNaN(event[row])) this.#nullEventTime++;
      else {
        const hash = hashOf(keys.bytes, length);
        if (hash < start || hash >= end) continue;
        rows[size] = row;
        hashes[size++] = hash;
      }
    }
    if (size === 0) return;
    const picked = rows.subarray(0, size);
    this.#keep({ hashes: hashes.slice(0, size), columns: this.#names.map((name) => pick(column(name), picked)) });
  }

  /** Forgets the rows of the keys in the upper half of the range. */
  shrink(): void {
    this.#range = lowerHalf(this.#range);
    const pieces = this.#pieces;
    this.#pieces = [];
    this.byteLength = 0;
    for (const { hashes, columns } of pieces) {
      const rows = Uint32Array.from(hashes.keys()).filter((row) => (hashes[row] as number) < this.#range.end);
      if (rows.length === 0) continue;
      this.#keep({
        hashes: rows.map((row) => hashes[row] as number),
        columns: columns.map((column) => pick(column, rows)),
      });
    }
  }

  timeline(): Timeline {
    const { keys, eventTime, knownAt, source } = this.#view;
    const columns = new Map(
      this.#names.map((name, i) => [name, concat(this.#pieces.map((piece) => piece.columns[i] as ColumnData))]),
    );
    const column = (name: string): ColumnData => columns.get(name) as ColumnData;
    const time = (name: string): Float64Array =>
      timeColumn(column(name), { column: name, table: source.name, timezone: source.timezone });
    const event = time(eventTime);
    const dictionary = new KeyDictionary(keys.length);
    const codes = dictionary.encode(
      keys.map((key) => column(key.column)),
      event.length,
      true,
    );
    const known = knownAt === undefined ? undefined : time(knownAt);
    return buildTimeline({ keys: dictionary, codes, event, known, columns });
  }

  #keep(piece: Piece): void {
    this.#pieces.push(piece);
    this.byteLength += piece.columns.reduce((sum, column) => sum + bytesOf(column), piece.hashes.byteLength);
  }
}
