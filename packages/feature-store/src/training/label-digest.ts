import { createHash, type Hash } from "node:crypto";
import { type Data, DataType, type RecordBatch } from "apache-arrow";
import { exactText } from "./exact-text.ts";

interface Run {
  readonly type: string;
  readonly presence: Hash;
  readonly values: Hash;
  rows: number;
}

/**
 * The SHA-256 of a label column by its types and its values as they are stored, for one that cannot be read as keys and features
 * are: decimals and structs, say, but also a column of which one value is an integer beyond 2^63, finer than a microsecond, or
 * outside of the years that are read. It does not depend on how the rows are cut into batches.
 */
export class LabelDigest {
  rows = 0;
  /** Whether some part could not be read otherwise. */
  needed = false;
  readonly #runs: Run[] = [];

  add(batch: RecordBatch, name: string): void {
    for (const data of batch.getChild(name)?.data ?? []) {
      if (data.length === 0) continue;
      const run = this.#runOf(data.type as DataType);
      run.rows += data.length;
      this.rows += data.length;
      if (isReadByValue(data.type as DataType)) addWords(run, data);
      else for (let row = 0; row < data.length; row++) run.values.update(`${exactText(data, row)}\n`);
    }
  }

  /** Rows one after the other that are of one type; a dictionary is of the type of its values. */
  #runOf(given: DataType): Run {
    const type = String(DataType.isDictionary(given) ? given.dictionary : given);
    const last = this.#runs.at(-1);
    if (last?.type === type) return last;
    const run = { type, presence: createHash("sha256"), values: createHash("sha256"), rows: 0 };
    this.#runs.push(run);
    return run;
  }

  digest(): Uint8Array {
    const total = createHash("sha256");
    for (const { type, presence, values, rows } of this.#runs) {
      total.update(`${rows} ${type}\n`).update(presence.digest()).update(values.digest());
    }
    return total.digest();
  }
}

/** Whether it depends on its values if a column is read: all of these are words of 64 bits. */
export function isReadByValue(type: DataType): boolean {
  if (DataType.isInt(type)) return type.bitWidth === 64 && !type.isSigned;
  return DataType.isTimestamp(type) || (DataType.isDate(type) && type.unit === 1);
}

/** As text they would take ten times as long. */
function addWords({ presence, values }: Run, data: Data): void {
  let words = (data.values as BigInt64Array | BigUint64Array).subarray(0, data.length);
  const present = new Uint8Array(data.length).fill(1);
  if (data.nullCount > 0) {
    words = words.slice();
    for (let row = 0; row < data.length; row++) {
      if (data.getValid(row)) continue;
      present[row] = 0;
      words[row] = 0n;
    }
  }
  presence.update(present);
  values.update(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
}
