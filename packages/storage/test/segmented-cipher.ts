import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import {
  type CiphertextSource,
  concatBytes,
  coreError,
  type EncryptionContext,
  type OpenedCiphertext,
  type SeekableCipher,
  toBytes,
} from "@ashlar/core";
import { piecesOf } from "../src/object/body.ts";

export const segmentBytes = 65_536;
export const tagBytes = 16;
export const headerBytes = 64;

const magic = Buffer.from("TEST");

/** Segments of AES-256-GCM under a key for each message, for tests: what a cipher of `@ashlar/security` does, in short. */
export class SegmentedCipher implements SeekableCipher {
  readonly #secret = randomBytes(32);

  /** The header of a new message, and what seals its segments. */
  begin(context: EncryptionContext = {}): { header: Uint8Array; seal: Seal } {
    const salt = concatBytes([magic, randomBytes(28)]);
    const { key, commitment } = this.#derive(salt, context);
    const seal: Seal = (index, last, plaintext) => {
      const cipher = createCipheriv("aes-256-gcm", key, nonceOf(index, last));
      return concatBytes([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    };
    return { header: concatBytes([salt, commitment]), seal };
  }

  encrypt: SeekableCipher["encrypt"] = (plaintext, { context, signal } = {}) => {
    const { header, seal } = this.begin(context);
    return streamOf(sealed(piecesOf(plaintext, segmentBytes, signal), header, seal));
  };

  decrypt: SeekableCipher["decrypt"] = (ciphertext, { context, signal } = {}) => {
    const decrypt = async (): Promise<ReadableStream<Uint8Array>> => {
      const bytes = await toBytes(ciphertext);
      signal?.throwIfAborted();
      const source = { size: bytes.byteLength, read: async (a: number, b: number) => bytes.subarray(a, b) };
      const opened = await this.open(source, context === undefined ? {} : { context });
      await opened.verifyEnd();
      return opened.read(0, opened.size, signal === undefined ? {} : { signal });
    };
    return streamOf(flattened(decrypt), signal);
  };

  async plaintextSize(source: CiphertextSource): Promise<number> {
    const { size } = source;
    const isOurs = size >= headerBytes && magic.equals(await toBytes(await source.read(0, magic.byteLength)));
    if (!isOurs) throw refusal();
    const segments = Math.max(1, Math.ceil((size - headerBytes) / (segmentBytes + tagBytes)));
    const length = size - headerBytes - segments * tagBytes;
    if (length < 0) throw refusal();
    return length;
  }

  open: SeekableCipher["open"] = async (source, { context = {} } = {}): Promise<OpenedCiphertext> => {
    const size = await this.plaintextSize(source);
    const header = await toBytes(await source.read(0, headerBytes));
    const { key, commitment } = this.#derive(header.subarray(0, 32), context);
    if (Buffer.compare(commitment, header.subarray(32)) !== 0) throw refusal();
    const lastIndex = Math.max(0, Math.ceil(size / segmentBytes) - 1);
    const at = (index: number): number => Math.min(source.size, headerBytes + index * (segmentBytes + tagBytes));
    const segments = async function* (first: number, final: number): AsyncGenerator<Uint8Array> {
      const body = await source.read(at(first), at(final + 1));
      let index = first;
      for await (const piece of piecesOf(body, segmentBytes + tagBytes)) {
        const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(index, index === lastIndex));
        index += 1;
        if (piece.byteLength < tagBytes) throw refusal();
        decipher.setAuthTag(piece.subarray(-tagBytes));
        const opened = decipher.update(piece.subarray(0, -tagBytes));
        try {
          decipher.final();
        } catch (cause) {
          throw refusal(cause);
        }
        yield new Uint8Array(opened);
      }
    };
    return {
      size,
      read: (start, end, { signal } = {}) => streamOf(cut(segments, start, end), signal),
      verifyEnd: async () => void (await toBytes(streamOf(segments(lastIndex, lastIndex)))),
    };
  };

  #derive(salt: Uint8Array, context: EncryptionContext): { key: Uint8Array; commitment: Uint8Array } {
    const bytes = Buffer.from(
      hkdfSync("sha256", this.#secret, salt, createHash("sha256").update(JSON.stringify(context)).digest(), 64),
    );
    return { key: bytes.subarray(0, 32), commitment: bytes.subarray(32) };
  }
}

type Seal = (index: number, last: boolean, plaintext: Uint8Array) => Uint8Array;

async function* sealed(pieces: AsyncIterable<Uint8Array>, header: Uint8Array, seal: Seal): AsyncGenerator<Uint8Array> {
  yield header;
  let held: Uint8Array | undefined;
  let index = 0;
  for await (const piece of pieces) {
    if (held !== undefined) yield seal(index++, false, held);
    held = piece;
  }
  yield seal(index, true, held ?? new Uint8Array());
}

async function* cut(
  segments: (first: number, final: number) => AsyncIterable<Uint8Array>,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  if (end <= start) return;
  let index = Math.floor(start / segmentBytes);
  for await (const segment of segments(index, Math.floor((end - 1) / segmentBytes))) {
    const offset = segmentBytes * index++;
    yield segment.subarray(Math.max(0, start - offset), Math.min(segmentBytes, end - offset));
  }
}

async function* flattened(open: () => Promise<ReadableStream<Uint8Array>>): AsyncGenerator<Uint8Array> {
  yield* await open();
}

function streamOf(pieces: AsyncGenerator<Uint8Array>, signal?: AbortSignal): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        signal?.throwIfAborted();
        const { value, done } = await pieces.next();
        if (done) controller.close();
        else if (value.byteLength > 0) controller.enqueue(value);
        else await this.pull?.(controller);
      },
      async cancel() {
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

function nonceOf(index: number, last: boolean): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(index, 0);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

const refusal = (cause?: unknown): Error => coreError("DECRYPTION_FAILED", { reason: "it does not verify" }, { cause });
