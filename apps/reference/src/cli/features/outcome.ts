/** What a command has to say, and how it ends. */
export interface Outcome {
  /** For machines: one JSON document, bigints beyond 2^53 as text. */
  readonly json: unknown;
  /** For people. */
  readonly text: string;
  /** True when what was looked for was found: changes of a plan, or drift. */
  readonly found?: boolean;
}

/**
 * How the process ends: 0 done; 1 failed, by an error of a package's table; 2 the command line is wrong; 3 what was looked
 * for was found (`plan --check`: changes, `drift`: features that have drifted).
 */
export const exitCodes = { done: 0, failed: 1, usage: 2, found: 3 } as const;

export function toJson(value: unknown): string {
  const plain = (_: string, inner: unknown): unknown => {
    if (typeof inner !== "bigint") return inner;
    return Number.isSafeInteger(Number(inner)) ? Number(inner) : String(inner);
  };
  return `${JSON.stringify(value, plain, 2)}\n`;
}

/** Rows under a heading, each column as wide as its widest cell. */
export function textTable(heading: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [heading, ...rows].map((row) => row.map((cell) => (cell == null ? "-" : String(cell))));
  const widths = heading.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const [first = [], ...rest] = cells;
  return `${[line(first), widths.map((width) => "-".repeat(width)).join("  "), ...rest.map(line)].join("\n")}\n`;
}

export const isoOf = (milliseconds: number | null | undefined): string =>
  milliseconds == null || !Number.isFinite(milliseconds) ? "-" : new Date(milliseconds).toISOString();

export const shortHash = (version: string | null | undefined): string => version?.slice(0, 12) ?? "-";
