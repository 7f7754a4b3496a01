import { readFileSync } from "node:fs";

/** The fenced TypeScript blocks of a Markdown page, in order. */
export function snippetsOf(page: string): string[] {
  return [...readFileSync(page, "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code ?? "");
}
