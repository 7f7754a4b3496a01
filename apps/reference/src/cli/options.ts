import { Command, CommanderError } from "commander";
import { referenceError } from "../errors.ts";

/** What the command line asks for. */
export interface Options {
  /** Stop after the summary. */
  readonly once: boolean;
  /** Rows to take, evenly over the whole period; all of them when undefined. */
  readonly rows: number | undefined;
  readonly data: string;
  readonly port: number;
  /** Remove what is in the data directory first. */
  readonly fresh: boolean;
  /** File to write the JSON report to. */
  readonly report: string | undefined;
}

/** The result of reading the command line: options, or that help was shown or a mistake was named. */
export type Parsed = { readonly options: Options } | { readonly exitCode: number };

export function parseOptions(argv: readonly string[]): Parsed {
  const command = new Command("ashlar")
    .description("Carries three million flights from a Parquet file to guarded predictions.")
    .option("--once", "stop after the summary (otherwise it stays up)", false)
    .option(
      "--rows <n>",
      "take an even sample of n rows over the whole period",
      wholeNumber("--rows", 20_000, 3_000_000),
    )
    .option("--data <dir>", "where everything is kept", ".ashlar")
    .option("--port <n>", "port to serve on, on loopback; 0 for any free one", wholeNumber("--port", 0, 65_535), 8080)
    .option("--fresh", "start from nothing: remove the data directory first", false)
    .option("--report <file>", "write a JSON report")
    .allowExcessArguments(false)
    .showHelpAfterError("Run with --help to see the options.")
    .exitOverride();
  try {
    command.parse(argv, { from: "user" });
    return { options: { rows: undefined, report: undefined, ...command.opts<Partial<Options>>() } as Options };
  } catch (error) {
    // Commander has printed what was wrong, or the help that was asked for.
    if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? 0 : 2 };
    throw error;
  }
}

export function wholeNumber(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw referenceError("OPTION_INVALID", {
      option,
      value: text,
      rule: `it must be a whole number from ${least} to ${most}`,
    });
  };
}
