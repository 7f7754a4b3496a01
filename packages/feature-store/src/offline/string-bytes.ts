/** Each string that is there as its UTF-8 length in four bytes and its bytes, in pieces of about a mebibyte that share their memory. */
export function* stringBytes(
  codes: Int32Array,
  dictionary: readonly string[],
  has: (row: number) => boolean,
): Iterable<Uint8Array> {
  const { bytes, starts } = encoded(dictionary);
  const longest = dictionary.reduce(
    (most, _, i) => Math.max(most, (starts[i + 1] as number) - (starts[i] as number)),
    0,
  );
  const piece = new Uint8Array((1 << 20) + longest);
  let used = 0;
  for (let row = 0; row < codes.length; row++) {
    if (!has(row)) continue;
    const code = codes[row] as number;
    const end = starts[code + 1] as number;
    for (let from = starts[code] as number; from < end; from++) piece[used++] = bytes[from] as number;
    if (used < 1 << 20) continue;
    yield piece.subarray(0, used);
    used = 0;
  }
  yield piece.subarray(0, used);
}

/** The strings of a dictionary one after another, each after its length. */
function encoded(dictionary: readonly string[]): { readonly bytes: Uint8Array; readonly starts: Float64Array } {
  const starts = new Float64Array(dictionary.length + 1);
  const parts = dictionary.map((text, i) => {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    starts[i + 1] = (starts[i] as number) + 4 + bytes.length;
    return [length, bytes];
  });
  return { bytes: Buffer.concat(parts.flat()), starts };
}
