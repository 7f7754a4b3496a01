const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const digitOf: ReadonlyMap<string, number> = new Map(Array.from(alphabet, (digit, index) => [digit, index]));

/** Bytes from Z85 text, ZeroMQ RFC 32: five digits of base 85 for four bytes. Undefined when the text is none. */
export function decodeZ85(text: string): Uint8Array | undefined {
  if (text.length % 5 !== 0) return undefined;
  const bytes = new Uint8Array((text.length / 5) * 4);
  const view = new DataView(bytes.buffer);
  for (let group = 0; group < text.length / 5; group++) {
    let value = 0;
    for (const digit of text.slice(group * 5, group * 5 + 5)) value = value * 85 + (digitOf.get(digit) ?? Number.NaN);
    if (!(value <= 0xffff_ffff)) return undefined;
    view.setUint32(group * 4, value);
  }
  return bytes;
}
