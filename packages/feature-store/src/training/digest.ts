import { createHash, type Hash } from "node:crypto";
import { isAshlarError } from "@ashlar/core";
import type { DataType, RecordBatch } from "apache-arrow";
import type { ColumnData } from "../offline/column-data.ts";
import { wholeWords } from "../offline/column-to-arrow.ts";
import type { FeatureColumn } from "../offline/feature-column.ts";
import type { LabelPart } from "../offline/port.ts";
import { stringBytes } from "../offline/string-bytes.ts";
import { exactText } from "./exact-text.ts";
import { isReadByValue, LabelDigest } from "./label-digest.ts";

/** The parts that a digest is made of have a multiple of so many rows, but for the last. */
export const digestStep = 64;

/**
 * The SHA-256 of the rows of a training set: of their number and, in the order of the columns, of the name and type of each, and
 * the SHA-256 of its presence and of its values in row order. It does not depend on the engine, on how the rows are cut into
 * parts and batches, or on how strings are encoded. Label columns that cannot be read as keys are come last, as they are stored. Labels
 * whose batches are integers in one part and floats in another are digested as they came.
 */
export class RowsDigest {
  readonly #columns = new Map<string, ColumnDigest>();
  readonly #stored = new Map<string, LabelDigest>();
  readonly #time: string;
  readonly #alone: boolean;
  #rows = 0;

  /**
   * @param time the label column with the times
   * @param alone whether there is one part only
   */
  constructor(time: string, alone: boolean) {
    this.#time = time;
    this.#alone = alone;
  }

  async add(labels: LabelPart, features: readonly FeatureColumn[]): Promise<void> {
    this.#rows += labels.rows;
    for (const name of labels.columnNames) await this.#addLabel(labels, name);
    for (const feature of features) {
      const digest = this.#column(`feature ${feature.storage} ${feature.name}`);
      digest.presence.update(feature.presence);
      for (const bytes of feature.bytes()) digest.values.update(bytes);
    }
  }

  hex(): string {
    const total = createHash("sha256").update(`rows ${this.#rows}\n`);
    const stored = [...this.#stored].filter(([, { needed }]) => needed);
    const whole = new Set(stored.filter(([, { rows }]) => rows === this.#rows).map(([name]) => name));
    for (const [head, { label, presence, values }] of this.#columns) {
      if (label !== undefined && whole.has(label)) continue;
      total.update(`${head}\n`).update(presence.digest()).update(values.digest());
    }
    for (const [name, digest] of stored) total.update(`label stored ${name}\n`).update(digest.digest());
    return total.digest("hex");
  }

  async #addLabel(labels: LabelPart, name: string): Promise<void> {
    const data = await columnOf(labels, name);
    await this.#addStored(labels, name, data);
    if (data === undefined) return;
    if (data.kind === "vector") {
      const { values } = this.#column(`label other ${name}`);
      for await (const batch of labels.batches()) addTexts(values, batch, name);
      return;
    }
    const { presence, values } = this.#column(`label ${typeOf(data)} ${name}`, name);
    presence.update(data.valid ?? new Uint8Array(data.values.length).fill(1));
    for (const bytes of valueBytes(data)) values.update(bytes);
  }

  /** Takes in a label column as it is stored, where it cannot be read, or that may turn out in a later part. */
  async #addStored(labels: LabelPart, name: string, data: ColumnData | undefined): Promise<void> {
    const stored = this.#stored.get(name) ?? new LabelDigest();
    this.#stored.set(name, stored);
    stored.needed ||= data === undefined;
    // The times of labels are read whatever they are.
    const mayTurnOut = name !== this.#time && !this.#alone && labels.readsAlike !== true;
    if (data !== undefined && !mayTurnOut) return;
    for await (const batch of labels.batches()) {
      const type = batch.getChild(name)?.type as DataType | undefined;
      if (type !== undefined && (data === undefined || isReadByValue(type))) stored.add(batch, name);
    }
  }

  #column(head: string, label?: string): ColumnDigest {
    let column = this.#columns.get(head);
    if (column === undefined) {
      column = { label, presence: createHash("sha256"), values: createHash("sha256") };
      this.#columns.set(head, column);
    }
    return column;
  }
}

interface ColumnDigest {
  /** The label column that it is of, where that can be read. */
  readonly label: string | undefined;
  readonly presence: Hash;
  readonly values: Hash;
}

/** Undefined for a column of a type no feature can be keyed by, such as a list: it still belongs to the rows. */
async function columnOf(labels: LabelPart, name: string): Promise<ColumnData | undefined> {
  try {
    return await labels.column(name);
  } catch (error) {
    if (!isAshlarError(error)) throw error;
    return undefined;
  }
}

/** Vectors of floats, as JSON but for what JSON has no number for. */
function addTexts(values: Hash, batch: RecordBatch, name: string): void {
  for (const data of batch.getChild(name)?.data ?? [])
    for (let row = 0; row < data.length; row++) values.update(`${exactText(data, row)}\n`);
}

/** Integers are of one type, whether those of a part are exact in a double or not. */
function typeOf(data: ColumnData): string {
  if (data.kind === "number") return data.integer ? "integer" : "float";
  return data.kind === "bigint" ? "integer" : data.kind;
}

function* valueBytes(data: Exclude<ColumnData, { readonly kind: "vector" }>): Iterable<Uint8Array> {
  const { valid } = data;
  if (data.kind === "string") {
    yield* stringBytes(data.values, data.dictionary, (row) => valid?.[row] !== 0);
    return;
  }
  let values = data.kind === "number" && data.integer ? wholeWords(data.values) : data.values;
  if (valid !== undefined) {
    values = values.slice();
    for (let row = 0; row < valid.length; row++) {
      if (valid[row] === 0) values[row] = (values instanceof BigInt64Array ? 0n : 0) as never;
    }
  }
  yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
