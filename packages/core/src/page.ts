import { coreError } from "./errors.ts";

/** One page of a listing. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Ask for the next page with it; absent on the last page. */
  readonly next?: string;
}

/** What a page is asked for with. */
export interface PageRequest {
  /** @default 100 */
  readonly limit?: number;
  readonly cursor?: string;
}

/** Makes an opaque cursor of the sort key of the last item. */
export function encodeCursor(position: readonly (string | number)[]): string {
  const bytes = new TextEncoder().encode(JSON.stringify(position));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** @throws INVALID_CURSOR when it was not made by {@link encodeCursor} */
export function decodeCursor(cursor: string): readonly (string | number)[] {
  try {
    const binary = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const position: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (Array.isArray(position) && position.every((part) => typeof part === "string" || typeof part === "number")) {
      return position as readonly (string | number)[];
    }
  } catch {
    // Falls through to the same refusal as a well-formed cursor of another kind.
  }
  throw coreError("INVALID_CURSOR", { cursor });
}
