import { featureStoreError } from "../errors.ts";

const pattern = /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/;

/** @throws DEFINITION_INVALID unless the name can stand in `"view:feature"` */
export function assertName(of: string, value: unknown): asserts value is string {
  if (typeof value === "string" && pattern.test(value)) return;
  const rule = "a name is 1 to 128 letters, digits, '_', '.' or '-', and does not begin with a digit";
  throw featureStoreError("DEFINITION_INVALID", { of, value, rule });
}
