/** Below this a buffer costs less to make than to keep. */
const smallest = 16 * 1024;

/** Bytes that wait to be used again at most. */
const defaultMaxBytes = 32 * 2 ** 20;

/**
 * Buffers of tensors that are used again. The memory of an `ArrayBuffer` lies outside the heap: a thousand requests of
 * 100 KB each make V8 collect the whole heap several times over, and each new buffer is paged in anew by the kernel.
 *
 * Sizes are powers of two. What does not fit into the bound is freed at once, not when it is collected.
 */
export class BufferPool {
  readonly #maxBytes: number;
  readonly #free: Map<number, ArrayBuffer[]> = new Map();
  readonly #taken: WeakSet<ArrayBuffer> = new WeakSet();
  #bytes = 0;

  constructor(maxBytes: number = defaultMaxBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that wait to be used again. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A buffer of `bytes` or more, whose contents are whatever they are. */
  take(bytes: number): ArrayBuffer {
    if (bytes < smallest) return new ArrayBuffer(bytes);
    const size = sizeClass(bytes);
    const kept = this.#free.get(size)?.pop();
    const buffer = kept ?? Buffer.allocUnsafeSlow(size).buffer;
    if (kept !== undefined) this.#bytes -= size;
    this.#taken.add(buffer);
    return buffer;
  }

  /** Whether nothing else lies in the buffer of these bytes, so that it may be given away with them. */
  owns(bytes: Uint8Array): boolean {
    return bytes.byteLength === bytes.buffer.byteLength || this.#taken.has(bytes.buffer as ArrayBuffer);
  }

  /** Takes a buffer that nobody uses any more; one that was transferred away is passed over. */
  give(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    if (!isReusable(buffer)) return;
    if (size !== sizeClass(size) || this.#bytes + size > this.#maxBytes) {
      freeBuffer(buffer);
      return;
    }
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [buffer]);
    else list.push(buffer);
    this.#bytes += size;
  }
}

/** Whether a buffer is worth the way back to a pool. */
export function isReusable({ byteLength }: ArrayBuffer): boolean {
  return byteLength >= smallest;
}

/** Gives the memory of a buffer back without waiting for the collector. */
export function freeBuffer(buffer: ArrayBuffer): void {
  try {
    buffer.transfer(0);
  } catch {
    // It belongs to native code, which frees it.
  }
}

function sizeClass(bytes: number): number {
  return bytes > 2 ** 30 ? bytes : 2 ** Math.ceil(Math.log2(bytes));
}
