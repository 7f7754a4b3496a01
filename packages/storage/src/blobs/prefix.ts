/** The bound above all texts that begin with a prefix, in the order of UTF-8 bytes; none where no text is above them. */
export function afterPrefix(prefix: string): { readonly lt?: string } {
  const points = Array.from(prefix);
  while (points.length > 0) {
    const last = points.pop()?.codePointAt(0) ?? 0;
    if (last === 0x10ffff) continue;
    // Surrogates are no characters.
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return { lt: points.join("") + String.fromCodePoint(next) };
  }
  return {};
}
