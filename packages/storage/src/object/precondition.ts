import { coreError, type PutOptions } from "@ashlar/core";

/** A put that was refused; `actual` is the etag that stands there, as far as it is known. */
export function preconditionFailed(
  key: string,
  options: PutOptions,
  actual: string | undefined,
  cause?: unknown,
): Error {
  const isAbsent = options.ifAbsent === true;
  const found = actual === undefined ? "it does not exist" : `its etag is ${actual}`;
  const details = {
    key,
    expected: isAbsent ? "absent" : `its etag is ${options.ifMatch}`,
    actual: isAbsent ? "it exists" : found,
  };
  return coreError("PRECONDITION_FAILED", details, { cause });
}
