import { registryError } from "../errors.ts";
import { hashing } from "../digest.ts";

/**
 * Lets a stream pass and compares it with what it must be. The end of the stream is withheld until the digest is
 * known to be right, so a reader that reads to the end has the true bytes.
 *
 * @throws ARTIFACT_CORRUPT as the stream's error
 */
export function verified(
  body: ReadableStream<Uint8Array>,
  expected: { readonly digest: string; readonly size?: number; readonly file: string },
): ReadableStream<Uint8Array> {
  const { digest, size, file } = expected;
  return hashing(body, (passed) => {
    if (passed.digest() === digest && (size === undefined || passed.size() === size)) return;
    throw registryError("ARTIFACT_CORRUPT", { digest, file, actual: `${passed.digest()} (${passed.size()} bytes)` });
  }).stream;
}
