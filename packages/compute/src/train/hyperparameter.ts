import { computeError } from "../errors.ts";

/** @throws HYPERPARAMETER_INVALID */
export function boundedInteger(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalidHyperparameter(name, value, `a whole number from ${least} to ${most}`);
}

/** @throws HYPERPARAMETER_INVALID */
export function boundedNumber(name: string, value: number, least: number, most: number): number {
  // A text such as "1" compares like a number, but adds up like a text.
  if (typeof value === "number" && value >= least && value <= most) return value;
  throw invalidHyperparameter(name, value, `a number from ${least} to ${most}`);
}

/** Greater than 0. @throws HYPERPARAMETER_INVALID */
export function positiveNumber(name: string, value: number, most: number): number {
  if (typeof value === "number" && value > 0 && value <= most) return value;
  throw invalidHyperparameter(name, value, `a number above 0, at most ${most}`);
}

/**
 * Makes what the size of an option asks memory for.
 *
 * @throws HYPERPARAMETER_INVALID when there is not so much
 */
export function allocateFor<Memory>(name: string, value: unknown, make: () => Memory): Memory {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalidHyperparameter(name, value, "so small that the memory for it and these features can be had");
  }
}

export function invalidHyperparameter(name: string, value: unknown, rule: string): Error {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return computeError("HYPERPARAMETER_INVALID", { name, value: shown, rule });
}
