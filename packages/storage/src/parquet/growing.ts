/** Bytes that are written one after another, in memory that grows and is used again. */
export class GrowingBytes {
  length = 0;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1024);

  /** Makes room for so many more, and gives the memory; what is written begins at the former length. */
  extend(by: number): Uint8Array {
    const needed = this.length + by;
    if (needed > this.#bytes.length) this.reserve(Math.max(needed, this.#bytes.length * 2));
    this.length = needed;
    return this.#bytes;
  }

  /** Makes room for so many in all. */
  reserve(bytes: number): void {
    if (bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(bytes);
    larger.set(this.#bytes.subarray(0, this.length));
    this.#bytes = larger;
  }

  append(bytes: Uint8Array): void {
    const at = this.length;
    this.extend(bytes.byteLength).set(bytes, at);
  }

  /** What has been written, in memory of its own; the next begins anew. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.length);
    this.length = 0;
    return taken;
  }

  /** What has been written, in the memory that it stands in, where that is not much more; the next begins anew, in other. */
  give(): Uint8Array {
    if (this.length * 4 < this.#bytes.length * 3) return this.take();
    const given = this.#bytes.subarray(0, this.length);
    this.#bytes = new Uint8Array(0);
    this.length = 0;
    return given;
  }
}

/** Numbers, likewise. */
export class GrowingNumbers {
  length = 0;
  #numbers: Int32Array = new Int32Array(256);

  /** Makes room for so many more, and gives the memory. */
  extend(by: number): Int32Array {
    const needed = this.length + by;
    if (needed > this.#numbers.length) {
      const larger = new Int32Array(Math.max(needed, this.#numbers.length * 2));
      larger.set(this.#numbers.subarray(0, this.length));
      this.#numbers = larger;
    }
    this.length = needed;
    return this.#numbers;
  }

  get numbers(): Int32Array {
    return this.#numbers;
  }
}
