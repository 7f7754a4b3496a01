import type { ColumnType } from "./column-type.ts";
import type { Column } from "./column.ts";
import type { EncodeThreads } from "./encode-threads.ts";
import { compressChunk, compressChunks, type EncodedChunk } from "./encoded-chunk.ts";
import { FlatColumn, type RawChunk } from "./flat-column.ts";
import { type ColumnBuffers, columnOfBuffers, GatheredColumn, release } from "./gathered-column.ts";
import type { Compression } from "./port.ts";
import { RunEncoder } from "./run-lengths.ts";

/** Bytes of a column beyond which it is no longer gathered for a thread. */
const largestGathered = 16 * 1024 * 1024;

/** Values of a row group below which a thread costs more than it saves. */
const smallGroup = 32 * 1024;

export interface FlatGroupOptions {
  readonly types: readonly ColumnType[];
  /** Whose name errors tell. */
  readonly codec: string;
  readonly threads: EncodeThreads | undefined;
}

/**
 * The row group that is being gathered: as copies of its values, to be encoded by threads, or encoded as it comes, where
 * there are none, or their memory is full.
 */
export class FlatGroup {
  readonly #options: FlatGroupOptions;
  readonly #columns: readonly FlatColumn[];
  #gathered: readonly GatheredColumn[] | undefined;
  #isEmpty = true;
  #values = 0;

  constructor(options: FlatGroupOptions) {
    this.#options = options;
    const runs = new RunEncoder();
    this.#columns = options.types.map((type) => new FlatColumn(type, options.codec, runs));
  }

  /** Bytes of its largest column, about. */
  get largest(): number {
    const sizes = this.#gathered?.map(({ byteLength }) => byteLength) ?? this.#columns.map(({ waiting }) => waiting);
    return Math.max(0, ...sizes);
  }

  /** @throws CODEC_REFUSED */
  append(columns: readonly Column[]): void {
    const { types, codec, threads } = this.#options;
    if (this.#isEmpty && threads !== undefined && threads.ready > 0) {
      const { memory } = threads;
      this.#gathered = types.map((type) => new GatheredColumn({ type, codec, memory }));
    }
    this.#isEmpty = false;
    for (const { length } of columns) this.#values += length;
    const gathered = this.#gathered;
    if (
      gathered !== undefined &&
      columns.every((column, index) => gathered[index]?.hasRoomFor(column, largestGathered))
    ) {
      for (const [index, column] of columns.entries()) gathered[index]?.append(column);
      return;
    }
    this.#encodeGathered();
    for (const [index, column] of columns.entries()) this.#columns[index]?.append(column);
  }

  /** From here on the group is encoded as it comes. */
  #encodeGathered(): void {
    for (const [index, buffers] of this.#taken()) {
      if (buffers.rows > 0) this.#columns[index]?.append(columnOfBuffers(buffers));
      this.#release([buffers]);
    }
  }

  /** What has been gathered, by the number of its column. */
  #taken(): [index: number, buffers: ColumnBuffers][] {
    const gathered = this.#gathered ?? [];
    this.#gathered = undefined;
    return gathered.flatMap((column, index): [number, ColumnBuffers][] => {
      const buffers = column.take();
      return buffers === undefined ? [] : [[index, buffers]];
    });
  }

  #release(columns: readonly ColumnBuffers[]): void {
    const memory = this.#options.threads?.memory;
    if (memory !== undefined) for (const column of columns) release(column, memory);
  }

  /** The chunks of the row group; the next begins. @throws CODEC_FAILED */
  async encode(compression: Compression, follows: "more" | "nothing"): Promise<readonly EncodedChunk[]> {
    const { threads } = this.#options;
    const values = this.#values;
    this.#isEmpty = true;
    this.#values = 0;
    if (threads === undefined || threads.ready === 0 || values < smallGroup) this.#encodeGathered();
    if (this.#gathered === undefined || threads === undefined) {
      threads?.encodedWithout(values);
      return compressChunks(
        this.#columns.map((column) => column.encode()),
        compression,
      );
    }
    const buffers = this.#taken().map(([, column]) => column);
    try {
      // Where nothing else is to be done meanwhile, the caller takes its share.
      const isShared = follows === "nothing" || threads.isBusy;
      return await this.#encodeBeside(threads, buffers, compression, isShared ? threads.ready + 1 : 0);
    } finally {
      this.#release(buffers);
    }
  }

  /** @param share of so many columns the caller takes one; 0 for none */
  async #encodeBeside(
    threads: EncodeThreads,
    buffers: readonly ColumnBuffers[],
    compression: Compression,
    share: number,
  ): Promise<readonly EncodedChunk[]> {
    const isOwn = (index: number): boolean => share > 0 && index % share === share - 1;
    const encoding = threads.encode(
      buffers.filter((_, index) => !isOwn(index)),
      compression,
    );
    // It is awaited below.
    encoding.catch(() => undefined);
    const own = buffers.map((column, index) => {
      if (!isOwn(index)) return undefined;
      this.#columns[index]?.append(columnOfBuffers(column));
      return compressChunk(this.#columns[index]?.encode() as RawChunk, compression);
    });
    const theirs = [...(await encoding)];
    return own.map((chunk) => chunk ?? (theirs.shift() as EncodedChunk));
  }

  /** Gives back what was gathered for threads. */
  clear(): void {
    this.#release(this.#taken().map(([, column]) => column));
  }
}
