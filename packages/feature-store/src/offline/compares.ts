import type { Predicate } from "../define/column.ts";

/** Whether a number compares so with `other`. A bigint is compared as the number it is. */
export function compares(compare: Predicate["compare"], other: number): (value: number | bigint) => boolean {
  switch (compare) {
    case "greaterThan":
      return (value) => value > other;
    case "atLeast":
      return (value) => value >= other;
    case "lessThan":
      return (value) => value < other;
    case "atMost":
      return (value) => value <= other;
    case "equals":
      // oxlint-disable-next-line eqeqeq -- a bigint equals the number it is
      return (value) => value == other;
  }
}
