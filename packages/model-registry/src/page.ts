import { encodeCursor, type Page, type PageRequest } from "@ashlar/core";
import { invalid } from "./name.ts";

const maxLimit = 1000;

/** @throws REQUEST_INVALID */
export function pageLimit({ limit = 100 }: PageRequest): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit) {
    throw invalid("page limit", limit, `it must be a whole number from 1 to ${maxLimit}`);
  }
  return limit;
}

/** A page whose cursor is the sort key of its last item. */
export function pageOf<Item>(
  items: readonly Item[],
  more: boolean,
  keyOf: (last: Item) => readonly (string | number)[],
): Page<Item> {
  const last = items.at(-1);
  return more && last !== undefined ? { items, next: encodeCursor(keyOf(last)) } : { items };
}
