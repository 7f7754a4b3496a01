import type { KeyPart } from "../offline/key-dictionary.ts";

const tags = { string: 1, number: 2, bigint: 2, boolean: 3 } as const;

/** A key as bytes: each part with its type and length, so that no two keys are the same bytes. */
export function entityKey(parts: readonly KeyPart[]): Uint8Array {
  return Buffer.concat(
    parts.map((part) => {
      const bytes = Buffer.from(String(part));
      const head = Buffer.alloc(5);
      head[0] = tags[typeof part as keyof typeof tags];
      head.writeUInt32LE(bytes.length, 1);
      return Buffer.concat([head, bytes]);
    }),
  );
}
