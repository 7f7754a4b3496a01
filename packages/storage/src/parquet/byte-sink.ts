import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { concatBytes } from "@ashlar/core";
import type { ParquetOutput } from "./port.ts";

interface SpillFile {
  readonly folder: string;
  readonly path: string;
  readonly file: FileHandle;
}

/** Gathers the bytes of a file that is being written: in memory and, where it can make a folder, beyond so many on disk. */
export class ByteSink implements AsyncDisposable {
  /** Bytes so far. */
  size = 0;
  readonly #folder: (() => Promise<string>) | undefined;
  readonly #largest: number;
  #parts: Uint8Array[] = [];
  #spilled: SpillFile | undefined;

  /**
   * @param folder makes a folder for a large file, which goes with the sink. @default everything stays in memory
   * @param largest bytes that stay in memory
   */
  constructor(folder?: () => Promise<string>, largest: number = 16 * 1024 * 1024) {
    this.#folder = folder;
    this.#largest = largest;
  }

  async write(bytes: readonly Uint8Array[]): Promise<void> {
    this.#parts.push(...bytes);
    for (const part of bytes) this.size += part.byteLength;
    if (this.#spilled !== undefined || (this.#folder !== undefined && this.size > this.#largest)) await this.#spill();
  }

  async #spill(): Promise<void> {
    this.#spilled ??= await this.#openFile();
    for (const part of this.#parts.splice(0)) await this.#spilled.file.writeFile(part);
  }

  async #openFile(): Promise<SpillFile> {
    const folder = (await this.#folder?.()) ?? "";
    const path = join(folder, "out.parquet");
    return { folder, path, file: await open(path, "wx") };
  }

  /** The whole, to be read once, before the sink is disposed. */
  async finish(): Promise<ParquetOutput["body"]> {
    if (this.#spilled === undefined) return concatBytes(this.#parts.splice(0));
    const { file, path } = this.#spilled;
    await file.close();
    return Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts = [];
    if (this.#spilled === undefined) return;
    await this.#spilled.file.close();
    await rm(this.#spilled.folder, { recursive: true, force: true });
  }
}
