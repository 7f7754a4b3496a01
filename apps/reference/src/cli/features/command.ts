import { isAshlarError } from "@ashlar/core";
import { Command, CommanderError } from "commander";
import { juneBegins } from "../../flights/june.ts";
import { wholeNumber } from "../options.ts";
import { drift } from "./drift.ts";
import { history } from "./history.ts";
import { materialize } from "./materialize.ts";
import { online } from "./online.ts";
import { type FeatureWorkspace, openFeatures } from "./open.ts";
import { exitCodes, type Outcome, toJson } from "./outcome.ts";
import { apply, type ApplyOptions, plan } from "./plan.ts";
import { search } from "./search.ts";
import { moment, pairs } from "./values.ts";

export interface Streams {
  readonly out: { write(text: string): unknown };
  readonly err: { write(text: string): unknown };
}

interface Shared {
  readonly data: string;
  readonly json: boolean;
}

const footer = `
Exit codes: 0 done, 1 failed, 2 wrong command line, 3 found (plan --check: changes; drift: features that have drifted).`;

/** Runs `ashlar features` with its arguments. @returns the exit code, see `exitCodes` */
export async function runFeatures(argv: readonly string[], { out, err }: Streams): Promise<number> {
  let code: number = exitCodes.done;
  const program = new Command("ashlar features")
    .description("Looks after the features of the job, in the data directory that it has filled.")
    .addHelpText("after", footer)
    .showHelpAfterError("Run with --help to see the options.")
    .configureOutput({ writeOut: (text) => out.write(text), writeErr: (text) => err.write(text) })
    .exitOverride();

  /** A command with the options that all have, which ends as its outcome says. */
  function command<Options>(
    usage: string,
    description: string,
    run: (workspace: FeatureWorkspace, options: Options, ...names: string[][]) => Promise<Outcome>,
    whenFound = false,
  ): Command {
    return program
      .command(usage)
      .description(description)
      .option("--data <dir>", "the data directory of the job", ".ashlar")
      .option("--json", "print one JSON document", false)
      .action(async (...given: unknown[]) => {
        const { data, json, ...options } = (given.at(-1) as Command).opts<Shared & { check?: boolean }>();
        await using workspace = await openFeatures(data);
        const names = given.slice(0, -2).map((each) => (each === undefined ? [] : [each].flat()) as string[]);
        const outcome = await run(workspace, options as Options, ...names);
        out.write(json ? toJson(outcome.json) : outcome.text);
        if (outcome.found === true && (whenFound || options.check === true)) code = exitCodes.found;
      });
  }

  command("plan", "what would change were the definitions of this code applied", plan).option(
    "--check",
    "end with 3 when anything would",
    false,
  );
  command<ApplyOptions>("apply", "apply the definitions of this code, or a plan that was made", apply)
    .requiredOption("--by <who>", "who applies it")
    .option("--message <text>", "why", "")
    .option("--plan <file>", "a plan that plan --json wrote");
  command<{ until: number; backfill: boolean }>(
    "materialize [views...]",
    "bring views online up to a moment",
    (workspace, options, names = []) => materialize(workspace, names, options),
  )
    .requiredOption("--until <moment>", "with its zone: 2001-06-01T00:00:00Z", moment("--until"))
    .option("--backfill", "write a copy from all of history beside what serves, and flip to it", false);
  command<{ limit: number; profiles: boolean }>(
    "history [view]",
    "revisions of the registry, or versions of a view",
    (workspace, options, [name] = []) => history(workspace, name, options),
  )
    .option("--limit <n>", "at most so many", wholeNumber("--limit", 1, 1000), 100)
    .option("--profiles", "the profiles that drift --record kept of the view", false);
  command<{ key: Record<string, string>; at: number | undefined }>(
    "online <features...>",
    "read features of an entity: view, view:* or view:feature",
    (workspace, options, names = []) => online(workspace, names, { ...options, at: options.at }),
  )
    .option("--key <name=value>", "a key or an input, as often as there are", pairs("--key"), {})
    .option("--at <moment>", "as of a moment, default now", moment("--at"));
  command<{ split: number; every: number; record: boolean }>(
    "drift",
    "compare features before and after a moment, and as they were served",
    drift,
    true,
  )
    .option("--split <moment>", "with its zone, default 2001-06-01T00:00:00Z", moment("--split"), juneBegins)
    .option("--every <n>", "take one of so many flights", wholeNumber("--every", 1, 1_000_000), 50)
    .option("--record", "keep profiles of what was compared in the registry", false);
  command<Record<string, never>>("search [text]", "find definitions in force", (workspace, options, [text] = []) =>
    search(workspace, { ...options, ...(text === undefined ? {} : { text }) }),
  )
    .option("--entity <name>", "of an entity")
    .option("--owner <name>", "of an owner")
    .option("--tag <word>", "with a tag")
    .option("--limit <n>", "at most so many", wholeNumber("--limit", 1, 1000), 100)
    .option("--cursor <cursor>", "go on from where a search ended");

  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    // Commander has printed what was wrong, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    if (!isAshlarError(error)) throw error;
    err.write(`${error.code}: ${error.message}\n`);
    return error.code === "OPTION_INVALID" ? exitCodes.usage : exitCodes.failed;
  }
}
