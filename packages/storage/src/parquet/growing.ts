/** Bytes that are written one after another, in memory that grows and is used again. */
export class GrowingBytes {
  length = 0;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1024);

  /** Makes room for so many more, and gives the memory; what is written begins at the former length. */
  extend(by: number): Uint8Array {
    const needed = this.length + by;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.length));
      this.#bytes = larger;
    }
    this.length = needed;
    return this.#bytes;
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
