import { storageError } from "../errors.ts";

/** Refuses a word that an option does not know: what it fell back to could be the opposite. @throws OPTION_INVALID */
export function assertOneOf(option: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value as string)) return;
  const rule = `it must be one of ${allowed.map((word) => JSON.stringify(word)).join(", ")}`;
  throw storageError("OPTION_INVALID", { option, value: JSON.stringify(value) ?? String(value), rule });
}
