import { type RecordBatch, RecordBatchReader, Table, tableToIPC } from "apache-arrow";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Labels on disk, part by part, as Arrow streams: for labels that come once and are read again. */
export class LabelSpool implements AsyncDisposable {
  readonly #prefix: string;
  readonly #rows: number[] = [];

  /** @param prefix of the names of its files */
  constructor(folder: string, prefix: string) {
    this.#prefix = join(folder, prefix);
  }

  /** How many rows each part has. */
  get parts(): readonly number[] {
    return this.#rows;
  }

  async write(batches: readonly RecordBatch[]): Promise<void> {
    const table = new Table([...batches]);
    await writeFile(this.#fileOf(this.#rows.length), tableToIPC(table, "stream"));
    this.#rows.push(table.numRows);
  }

  async read(part: number): Promise<readonly RecordBatch[]> {
    return [...RecordBatchReader.from(await readFile(this.#fileOf(part)))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let part = 0; part < this.#rows.length; part++) await rm(this.#fileOf(part), { force: true });
  }

  #fileOf(part: number): string {
    return `${this.#prefix}-${part}.arrow`;
  }
}
