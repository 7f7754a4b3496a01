import { resolve } from "node:path";
import { writeFileSync } from "node:fs";
import { isAshlarError } from "@ashlar/core";
import { parseOptions } from "./cli/options.ts";
import { runApp } from "./run.ts";

const parsed = readCommandLine();
if ("exitCode" in parsed) process.exitCode = parsed.exitCode;
else {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  try {
    const report = parsed.options.report === undefined ? undefined : resolve(parsed.options.report);
    await runApp(parsed.options, {
      out: process.stdout,
      signal: stop.signal,
      write: (text) => report !== undefined && writeFileSync(report, text),
    });
  } catch (error) {
    fail(error);
  }
}

function readCommandLine(): ReturnType<typeof parseOptions> {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    fail(error);
    return { exitCode: 2 };
  }
}

/** A mistake that was foreseen is told in a sentence; anything else with its trace. */
function fail(error: unknown): void {
  process.stderr.write(
    isAshlarError(error) ? `${error.code}: ${error.message}\n` : `${(error as Error).stack ?? String(error)}\n`,
  );
  process.exitCode = isAshlarError(error, "OPTION_INVALID") ? 2 : 1;
}
