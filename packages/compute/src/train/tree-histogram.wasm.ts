// Made of tree-histogram.wat by tooling/wat.ts: change the text and run it again.
const base64: readonly string[] = [
  "AGFzbQEAAAABDQFgCH9/f39/f39/AX8CHwIFdHJlZXMDb3duAgABBXRyZWVzBGJpbnMCAwGAgAQDAgEABw4BCmFjY3VtdWxhdGUAAArwAgHtAg",
  "MDfwF7B38gBSAGQX5xQQJ0aiENIAAgASAHGyEQAkADQCAAIAFPDQEgACAQTyAHQQBHcQRAIAAhESAAIAdqIRAgECABSwRAIAEhEAsDQCARKAIA",
  "IQggCEECdCEJIAQgCCAGbGohCiASIAotQAEAIAogBkEBa2otQAEAaiACIAlqKAIAIAMgCWooAgBqamohEiARQQRqIREgESAQSQ0ACwsgACgCAC",
  "EIIABBBGohACAIQQJ0IQkgAyAJaiACIAlq/VwCAP1WAgAB/f4BIQsgBCAIIAZsaiEKIAUhDAJAA0AgDCANTw0BIAwoAgAgCi1AAQBBBHRqIQ4g",
  "DCgCBCAKLUABAUEEdGohDyAOIA79AAQAIAv98AH9CwQAIA8gD/0ABAAgC/3wAf0LBAAgCkECaiEKIAxBCGohDAwACwsgBkEBcQRAIAwoAgAgCi",
  "1AAQBBBHRqIQ4gDiAO/QAEACAL/fAB/QsEAAsMAAsLIBIL",
];

/** The bytes of the WebAssembly module. */
export function moduleBytes(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(base64.join(""), "base64"));
}
