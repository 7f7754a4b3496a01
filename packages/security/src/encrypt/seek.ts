import { type CiphertextSource, concatBytes, coreError, type OpenedCiphertext, toBytes } from "@ashlar/core";
import { type ByteReader, byteReader } from "./byte-reader.ts";
import { type Header, type MessageKey, readHeader } from "./header.ts";
import { pullStream } from "./pull-stream.ts";
import { openSegment, tagLength } from "./segments.ts";

/** More than a header with a KMS key needs, and little to read in vain. */
const firstRead = 1024;

/** Where the segments of a message stand in its ciphertext. */
export interface Layout {
  readonly headerLength: number;
  /** Plaintext bytes in each segment but the last. */
  readonly segmentSize: number;
  readonly lastIndex: number;
  /** Plaintext bytes. */
  readonly size: number;
}

/** Reads the header from the beginning of a source, and what the size of the source implies. @throws DECRYPTION_FAILED */
export async function readLayout(source: CiphertextSource): Promise<{ header: Header; layout: Layout }> {
  let held = await readExactly(source, 0, Math.min(source.size, firstRead));
  let taken = 0;
  const header = await readHeader(async (length) => {
    const end = Math.min(taken + length, source.size);
    if (end > held.byteLength) held = concatBytes([held, await readExactly(source, held.byteLength, end)]);
    const bytes = held.subarray(taken, end);
    taken = end;
    return bytes;
  });
  return { header, layout: layoutOf(header.segmentSize, taken, source.size) };
}

function layoutOf(segmentSize: number, headerLength: number, total: number): Layout {
  const sealedSize = segmentSize + tagLength;
  const body = total - headerLength;
  const lastIndex = Math.max(0, Math.ceil(body / sealedSize) - 1);
  const last = body - lastIndex * sealedSize - tagLength;
  if (last < 0 || (last === 0 && lastIndex > 0)) {
    throw coreError("DECRYPTION_FAILED", { reason: `${total} bytes are not the length of a whole message` });
  }
  return { headerLength, segmentSize, lastIndex, size: lastIndex * segmentSize + last };
}

/** @see OpenedCiphertext */
export function openedCiphertext(source: CiphertextSource, layout: Layout, message: MessageKey): OpenedCiphertext {
  return {
    size: layout.size,
    read(start, end, { signal } = {}) {
      const segments = new SegmentReader(source, layout, message);
      return pullStream(segments.read(start, end), { signal, release: (reason) => segments.release(reason) });
    },
    async verifyEnd({ signal } = {}) {
      signal?.throwIfAborted();
      const { lastIndex } = layout;
      const sealed = await readExactly(source, sealedStart(layout, lastIndex), source.size);
      openSegment(message, { index: lastIndex, last: true }, sealed).fill(0);
    },
  };
}

/** Reads one run of segments, with one read of the source. */
class SegmentReader {
  readonly #source: CiphertextSource;
  readonly #layout: Layout;
  readonly #message: MessageKey;
  #reader: ByteReader | undefined;

  constructor(source: CiphertextSource, layout: Layout, message: MessageKey) {
    this.#source = source;
    this.#layout = layout;
    this.#message = message;
  }

  async *read(start: number, end: number): AsyncGenerator<Uint8Array> {
    if (end <= start) return;
    const { segmentSize, lastIndex } = this.#layout;
    const first = Math.floor(start / segmentSize);
    const final = Math.floor((end - 1) / segmentSize);
    const sealedEnd = Math.min(this.#source.size, sealedStart(this.#layout, final + 1));
    const reader = byteReader(await this.#source.read(sealedStart(this.#layout, first), sealedEnd));
    this.#reader = reader;
    for (let index = first; index <= final; index++) {
      const sealed = await reader.read(segmentSize + tagLength);
      const opened = openSegment(this.#message, { index, last: index === lastIndex }, sealed);
      const offset = index * segmentSize;
      yield opened.subarray(Math.max(0, start - offset), Math.min(segmentSize, end - offset));
    }
  }

  async release(reason: unknown): Promise<void> {
    await this.#reader?.cancel(reason);
  }
}

const sealedStart = ({ headerLength, segmentSize }: Layout, index: number): number =>
  headerLength + index * (segmentSize + tagLength);

async function readExactly(source: CiphertextSource, start: number, end: number): Promise<Uint8Array> {
  const bytes = await toBytes(await source.read(start, end));
  if (bytes.byteLength === end - start) return bytes;
  throw coreError("DECRYPTION_FAILED", { reason: `a read of ${end - start} bytes gave ${bytes.byteLength}` });
}
