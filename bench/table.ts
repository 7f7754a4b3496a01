import type { Row } from "./harness.ts";

const widths = [58, 12, 12, 12, 46, 6] as const;

/** The first two lines of the table, in Markdown. */
export const heading: string = [
  cells(["what", "unit", "ours", "peer", "the peer", "ratio"]),
  cells(widths.map((width, column) => (isNumber(column) ? `${"-".repeat(width - 1)}:` : "-".repeat(width)))),
].join("\n");

/** One row of the table. The ratio is ours to the peer's. */
export function line(row: Row): string {
  return cells([row.name, row.unit, rounded(row.ours), rounded(row.peer), row.peerName, rounded(row.ratio)]);
}

function cells(texts: readonly string[]): string {
  const padded = texts.map((text, column) => {
    const width = widths[column] ?? 0;
    return isNumber(column) ? text.padStart(width) : text.padEnd(width);
  });
  return `| ${padded.join(" | ")} |`;
}

function isNumber(column: number): boolean {
  return column === 2 || column === 3 || column === 5;
}

/** Three significant digits: the machine does not give more. */
function rounded(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 3 });
}
