import { createHash, type Hash } from "node:crypto";
import { isAshlarError } from "@ashlar/core";
import type { RecordBatch } from "apache-arrow";
import type { ColumnData } from "../offline/column-data.ts";
import { wholeWords } from "../offline/column-to-arrow.ts";
import type { FeatureColumn } from "../offline/feature-column.ts";
import type { LabelPart } from "../offline/port.ts";
import { stringBytes } from "../offline/string-bytes.ts";

/** The parts that a digest is made of have a multiple of so many rows, but for the last. */
export const digestStep = 64;

/**
 * The SHA-256 of the rows of a training set: of their number and, in the order of the columns, of the name and type of each, and
 * the SHA-256 of its presence and of its values in row order. It does not depend on the engine, on how the rows are cut into
 * parts and batches, or on how strings are encoded.
 */
export class RowsDigest {
  readonly #columns = new Map<string, ColumnDigest>();
  #rows = 0;

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
    for (const [head, { presence, values }] of this.#columns) {
      total.update(`${head}\n`).update(presence.digest()).update(values.digest());
    }
    return total.digest("hex");
  }

  async #addLabel(labels: LabelPart, name: string): Promise<void> {
    const data = await columnOf(labels, name);
    if (data === undefined || data.kind === "vector") {
      const { values } = this.#column(`label other ${name}`);
      for await (const batch of labels.batches()) addTexts(values, batch, name);
      return;
    }
    const { presence, values } = this.#column(`label ${typeOf(data)} ${name}`);
    presence.update(data.valid ?? new Uint8Array(data.values.length).fill(1));
    for (const bytes of valueBytes(data)) values.update(bytes);
  }

  #column(head: string): ColumnDigest {
    let column = this.#columns.get(head);
    if (column === undefined) {
      column = { presence: createHash("sha256"), values: createHash("sha256") };
      this.#columns.set(head, column);
    }
    return column;
  }
}

interface ColumnDigest {
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

function addTexts(values: Hash, batch: RecordBatch, name: string): void {
  for (const value of batch.getChild(name) ?? []) values.update(`${text(value)}\n`);
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? `${inner}n` : inner));

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
