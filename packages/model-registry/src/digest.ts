import { createHash } from "node:crypto";

const form = /^sha256:[0-9a-f]{64}$/;

/** The digest of bytes or of a text's UTF-8, as `sha256:<hex>`. */
export function sha256(content: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

export function isDigest(text: string): boolean {
  return form.test(text);
}

/** What has passed through a {@link hashing} stream. */
export interface Passed {
  /** `sha256:<hex>`; read it once, at the end. */
  digest(): string;
  /** Bytes so far. */
  size(): number;
}

/** Hashes a stream as it passes. `onEnd` may refuse the whole by throwing, in place of the end of the stream. */
export function hashing(
  body: ReadableStream<Uint8Array>,
  onEnd?: (passed: Passed) => void,
): { readonly stream: ReadableStream<Uint8Array>; readonly passed: Passed } {
  const hash = createHash("sha256");
  let size = 0;
  let digest: string | undefined;
  const passed: Passed = {
    digest: () => (digest ??= `sha256:${hash.digest("hex")}`),
    size: () => size,
  };
  const stream = body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        hash.update(chunk);
        size += chunk.byteLength;
        controller.enqueue(chunk);
      },
      flush: () => onEnd?.(passed),
    }),
  );
  return { stream, passed };
}

/** JSON with sorted keys, so that equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
