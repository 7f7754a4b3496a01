/** Memory that threads share. */
export type SharedBytes = Uint8Array<SharedArrayBuffer>;

const smallestPiece = 64 * 1024;

/**
 * Pieces of shared memory that are used again and again: new ones would each cost the system its zeros, and the collector
 * of garbage its attention.
 */
export class SharedMemory {
  readonly #largest: number;
  /** Pieces that nobody has, by their size. */
  readonly #idle = new Map<number, SharedArrayBuffer[]>();
  #allocated = 0;

  /** @param largest bytes of all pieces together, at most */
  constructor(largest: number) {
    this.#largest = largest;
  }

  /** A piece of so many bytes or up to twice as many; undefined when there is no room for it. */
  take(bytes: number): SharedBytes | undefined {
    const size = Math.max(smallestPiece, 2 ** Math.ceil(Math.log2(bytes)));
    const idle = this.#idle.get(size)?.pop();
    if (idle !== undefined) return new Uint8Array(idle);
    if (this.#allocated + size > this.#largest) this.#forgetIdle();
    if (this.#allocated + size > this.#largest) return undefined;
    this.#allocated += size;
    return new Uint8Array(new SharedArrayBuffer(size));
  }

  /** Takes a piece back. */
  give({ buffer }: SharedBytes): void {
    const idle = this.#idle.get(buffer.byteLength);
    if (idle === undefined) this.#idle.set(buffer.byteLength, [buffer]);
    else idle.push(buffer);
  }

  #forgetIdle(): void {
    for (const [size, idle] of this.#idle) this.#allocated -= size * idle.length;
    this.#idle.clear();
  }
}
