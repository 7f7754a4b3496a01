import { networkingError } from "./errors.ts";

/** Bounds of a numeric option; inclusive. */
export interface Bounds {
  readonly least: number;
  readonly most?: number;
  readonly whole?: boolean;
}

/**
 * The number, when it lies within the bounds.
 *
 * @throws OPTION_INVALID otherwise.
 */
export function checkedNumber(option: string, value: number, { least, most, whole = false }: Bounds): number {
  const fits = Number.isFinite(value) && value >= least && (most === undefined || value <= most);
  if (!fits || (whole && !Number.isSafeInteger(value))) {
    const kind = whole ? "a whole number" : "a number";
    const rule = most === undefined ? `${kind} of at least ${least}` : `${kind} between ${least} and ${most}`;
    throw networkingError("OPTION_INVALID", { option, value: String(value), rule });
  }
  return value;
}
