import { computeError } from "../errors.ts";

/**
 * Hands out the bytes after the JSON, piece by piece, each where elements of its width may lie. A piece that does not
 * is moved down over what has been read before it, which is mostly the end of the JSON: seven bytes at most.
 */
export class BinaryCursor {
  readonly #body: Uint8Array;
  /** The bytes from here up to `#offset` are of no use any more. */
  #free = 0;
  #offset: number;

  /** The JSON of the body, `header` bytes, has been read. */
  constructor(body: Uint8Array, header: number) {
    this.#body = body;
    this.#offset = header;
  }

  /** @throws PROTOCOL_REQUEST_INVALID when there are not so many */
  take(name: string, size: number, alignment: number): Uint8Array {
    const left = this.#body.byteLength - this.#offset;
    if (size > left) throw invalid(`the binary data of "${name}" has ${size} bytes`, `the body has ${left} left`);
    const from = this.#offset;
    this.#offset += size;
    const to = from - ((this.#body.byteOffset + from) % alignment);
    if (to === from || to < this.#free) {
      this.#free = this.#offset;
      return this.#body.subarray(from, this.#offset);
    }
    this.#body.copyWithin(to, from, this.#offset);
    this.#free = to + size;
    return this.#body.subarray(to, this.#free);
  }

  /** @throws PROTOCOL_REQUEST_INVALID when bytes are left */
  finish(): void {
    const left = this.#body.byteLength - this.#offset;
    if (left > 0) throw invalid(`${left} bytes follow the tensors`, "every byte after the JSON belongs to an input");
  }
}

function invalid(what: string, rule: string): Error {
  return computeError("PROTOCOL_REQUEST_INVALID", { what, rule });
}
