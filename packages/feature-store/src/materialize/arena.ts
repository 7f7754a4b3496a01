const chunkBytes = 1 << 20;

/** Pieces of bytes, laid one after another in chunks of 1 MiB: none costs an object, and none is moved. */
export class Arena {
  readonly #chunks: Buffer[] = [];
  #used = chunkBytes;
  /** What its chunks hold, used or not. */
  byteLength = 0;

  /** Copies the first `length` bytes. @returns where they are */
  put(bytes: Uint8Array, length: number): number {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || this.#used + length > chunk.length) {
      // One that fits into no chunk has one of its own.
      chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, length));
      this.#chunks.push(chunk);
      this.#used = 0;
      this.byteLength += chunk.length;
    }
    const at = this.#used;
    copy(bytes, length, chunk, at);
    this.#used += length;
    return (this.#chunks.length - 1) * chunkBytes + at;
  }

  /** Copies as many bytes as were put there over those. */
  replace(place: number, bytes: Uint8Array, length: number): void {
    copy(bytes, length, this.#chunkOf(place), place % chunkBytes);
  }

  /** True when the bytes there are the first `length` given. */
  holds(place: number, bytes: Uint8Array, length: number): boolean {
    const chunk = this.#chunkOf(place);
    const at = place % chunkBytes;
    for (let i = 0; i < length; i++) if (chunk[at + i] !== bytes[i]) return false;
    return true;
  }

  get(place: number, length: number): Buffer {
    const at = place % chunkBytes;
    return this.#chunkOf(place).subarray(at, at + length);
  }

  #chunkOf(place: number): Buffer {
    return this.#chunks[Math.floor(place / chunkBytes)] as Buffer;
  }
}

/** For some dozen bytes a loop is faster than a view of them. */
function copy(from: Uint8Array, length: number, into: Buffer, at: number): void {
  if (length > 64) into.set(from.subarray(0, length), at);
  else for (let i = 0; i < length; i++) into[at + i] = from[i] as number;
}
