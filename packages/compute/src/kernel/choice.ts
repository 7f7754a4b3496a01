import type { Measurement, SizeClass } from "./measure.ts";

/** What was chosen for one kernel of one size, and why. */
export interface Choice {
  readonly kernel: string;
  readonly size: SizeClass;
  readonly chosen: string;
  readonly reason: string;
  readonly measurements: readonly Measurement[];
}

/** A backend that failed in use; the kernel was run by the next one. */
export interface Failure {
  readonly backend: string;
  readonly kernel: string;
  readonly size: SizeClass;
  readonly reason: string;
}

export interface Explanation {
  readonly backends: readonly { readonly name: string; readonly available: boolean; readonly reason: string | null }[];
  readonly choices: readonly Choice[];
  readonly failures: readonly Failure[];
  /** The same for reading. */
  readonly text: string;
}

/** The backends to try, the fastest first; plain JS is always among them. */
export function rankingOf(measurements: readonly Measurement[]): readonly string[] {
  const correct = measurements.flatMap((row) => ("milliseconds" in row && row.correct ? [row] : []));
  const names = correct.sort((a, b) => a.milliseconds - b.milliseconds).map(({ backend }) => backend);
  return names.includes("plain-js") ? names : [...names, "plain-js"];
}

export function choiceOf(
  kernel: string,
  size: SizeClass,
  measurements: readonly Measurement[],
  failures: readonly Failure[],
): Choice {
  const failed = new Set(
    failures.filter((row) => row.kernel === kernel && row.size === size).map((row) => row.backend),
  );
  const [chosen = "plain-js", next] = rankingOf(measurements).filter((name) => !failed.has(name));
  const time = (backend: string): string => {
    const row = measurements.find((candidate) => candidate.backend === backend);
    return row !== undefined && "milliseconds" in row ? `${milliseconds(row.milliseconds)} ms` : "not measured";
  };
  const reason =
    next === undefined ? "the only one that is available and correct" : `${time(chosen)} against ${time(next)} ${next}`;
  return { kernel, size, chosen, reason, measurements };
}

export function explanationText({ backends, choices, failures }: Omit<Explanation, "text">): string {
  const lines = backends.flatMap(({ name, reason }) => (reason === null ? [] : [`${name}: not available (${reason})`]));
  for (const { kernel, size, chosen, reason, measurements } of choices) {
    lines.push(`${kernel}, ${size}: chose ${chosen}: ${reason}`);
    for (const row of measurements) {
      if ("skipped" in row) lines.push(`  ${row.backend}: not tried (${row.skipped})`);
      else if (!row.correct) lines.push(`  ${row.backend}: not used (differs from plain JS by ${row.maxError})`);
      else lines.push(`  ${row.backend}: ${milliseconds(row.milliseconds)} ms`);
    }
  }
  for (const { backend, kernel, size, reason } of failures) {
    lines.push(`${kernel}, ${size}: ${backend} failed in use and is passed over (${reason})`);
  }
  return lines.join("\n");
}

function milliseconds(value: number): string {
  return value < 1 ? value.toPrecision(2) : value.toFixed(value < 100 ? 1 : 0);
}
