import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { concatBytes } from "@ashlar/core";
import type { ParquetOutput } from "./port.ts";

/** Where the bytes of a file go that is being written. */
export interface ByteSink extends AsyncDisposable {
  /** Bytes so far. */
  readonly size: number;
  write(bytes: readonly Uint8Array[]): Promise<void>;
  /** The whole, to be read once, before the sink is disposed. */
  finish(): Promise<ParquetOutput["body"]>;
}

interface SpillFile {
  readonly folder: string;
  readonly path: string;
  readonly file: FileHandle;
}

/** Keeps them in memory and, where it is told a folder to make, only so many: the rest of a large file goes to one there. */
export class MemorySink implements ByteSink {
  size = 0;
  readonly #folder: (() => Promise<string>) | undefined;
  readonly #largest: number;
  #parts: Uint8Array[] = [];
  #spilled: SpillFile | undefined;

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
