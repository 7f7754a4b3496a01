import { featureStoreError } from "../errors.ts";

/** @throws REQUEST_INVALID for an option that is no whole number from 1 on */
export function assertWhole(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw featureStoreError("REQUEST_INVALID", { rule: `"${name}" is ${value}, and must be a whole number from 1 on` });
}
