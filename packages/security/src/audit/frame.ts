import { crc32 } from "node:zlib";

/** A piece of the log: an entry, or the signed checkpoint that ends a batch of entries. */
export interface Frame {
  readonly kind: "entry" | "checkpoint";
  readonly body: Uint8Array;
}

/** What a log begins with. */
export const logMagic: Uint8Array = Buffer.from("ASHLARL1");
const headerLength = 9;
const maxBodyLength = 2 * 1024 * 1024;

/** `kind 1 | length 4 | CRC-32 of all else 4 | body`, big-endian. The checksum is for torn writes, not for attackers. */
export function encodeFrame({ kind, body }: Frame): Uint8Array {
  const frame = Buffer.alloc(headerLength + body.byteLength);
  frame.writeUInt8(kind === "entry" ? 0 : 1, 0);
  frame.writeUInt32BE(body.byteLength, 1);
  frame.set(body, headerLength);
  frame.writeUInt32BE(checksum(frame.subarray(0, 5), body), 5);
  return frame;
}

/** The frames of a batch, and how many bytes of it they take: fewer than there are when the rest is torn or altered. */
export function decodeFrames(bytes: Uint8Array): { frames: Frame[]; length: number } {
  const frames: Frame[] = [];
  let length = 0;
  for (;;) {
    const next = decodeFrame(bytes.subarray(length));
    if (next === undefined) return { frames, length };
    frames.push(next);
    length += headerLength + next.body.byteLength;
  }
}

/** The frame that bytes begin with; undefined when it is cut, altered, or not a frame. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.byteLength < headerLength) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = view[0];
  const size = view.readUInt32BE(1);
  if (kind === undefined || kind > 1 || size > maxBodyLength || view.byteLength < headerLength + size) return undefined;
  const body = view.subarray(headerLength, headerLength + size);
  if (view.readUInt32BE(5) !== checksum(view.subarray(0, 5), body)) return undefined;
  return { kind: kind === 0 ? "entry" : "checkpoint", body };
}

/** Bytes a frame takes. */
export function frameLength({ body }: Frame): number {
  return headerLength + body.byteLength;
}

/** The longest frame there can be. */
export const maxFrameLength: number = headerLength + maxBodyLength;

function checksum(head: Uint8Array, body: Uint8Array): number {
  return crc32(body, crc32(head));
}

/** True when a checkpoint may begin at `offset`: a cheap look before the checksum. */
export function isCheckpointStart(bytes: Uint8Array, offset: number): boolean {
  // Its length is below 16 MiB, so the byte after its kind is 0.
  return bytes[offset] === 1 && bytes[offset + 1] === 0;
}
