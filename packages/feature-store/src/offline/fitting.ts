import { featureStoreError } from "../errors.ts";

/** A sum of integers, where it is one of 64 bits. @throws VALUE_OUT_OF_RANGE */
export function fitting(sum: bigint, column: string): bigint {
  if (BigInt.asIntN(64, sum) === sum) return sum;
  throw featureStoreError("VALUE_OUT_OF_RANGE", { value: String(sum), of: `the sum of ${column}`, type: "int64" });
}
