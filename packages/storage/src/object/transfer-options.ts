import { storageError } from "../errors.ts";

/** @throws OPTION_INVALID */
export function assertTransferOptions(
  { partSize, ...counts }: { readonly partSize: number; readonly concurrency: number; readonly pageSize: number },
  { minPart, maxPart }: { readonly minPart: number; readonly maxPart: number },
): void {
  assertInteger("partSize", partSize, minPart, maxPart);
  for (const [option, value] of Object.entries(counts)) assertInteger(option, value, 1, 1_000_000);
}

/** @throws OPTION_INVALID */
export function assertInteger(option: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  const rule = `it must be a whole number from ${min} to ${max}`;
  throw storageError("OPTION_INVALID", { option, value: String(value), rule });
}
