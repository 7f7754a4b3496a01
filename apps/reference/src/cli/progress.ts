import { styleText } from "node:util";
import type { StageView } from "../console/state.ts";

/** Shows the stages while they run: a bar that moves on a terminal, one line a stage otherwise. */
export function progressPrinter(out: NodeJS.WriteStream): (view: StageView) => void {
  const told = new Set<string>();
  let lastDrawn = 0;

  function bar({ title, fraction, message }: StageView): string {
    const width = 24;
    const full = Math.round(Math.min(1, Math.max(0, fraction)) * width);
    const text = `  ${"█".repeat(full)}${"░".repeat(width - full)} ${title}  ${message}`;
    return text.slice(0, Math.max(40, (out.columns ?? 80) - 1));
  }

  return (view) => {
    if (view.state === "running" || view.state === "retrying") {
      if (!out.isTTY || performance.now() - lastDrawn < 80) return;
      lastDrawn = performance.now();
      out.write(`\r\u001B[K${bar(view)}`);
      return;
    }
    if (view.state === "waiting" || told.has(view.name)) return;
    told.add(view.name);
    const mark = view.state === "done" ? styleText("green", "✓") : styleText("red", "✗");
    const time = view.resumed ? "done before" : `${(view.seconds ?? 0).toFixed(1)} s`;
    out.write(
      `${out.isTTY ? "\r\u001B[K" : ""}${mark} ${view.title.padEnd(44)} ${time.padStart(11)}  ${view.message}\n`,
    );
  };
}
