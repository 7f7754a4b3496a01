import { isAshlarError } from "@ashlar/core";
import type { Gateway } from "@ashlar/networking";
import { createEngine, type Engine, sqlite } from "@ashlar/orchestration";
import { openDataDirectory } from "./cli/data-directory.ts";
import type { Options } from "./cli/options.ts";
import { progressPrinter } from "./cli/progress.ts";
import { stageBoard } from "./console/observe.ts";
import { consoleState } from "./console/snapshot.ts";
import { referenceError } from "./errors.ts";
import { flightsFile } from "./flights/source.ts";
import { checkTable } from "./job/ingest.ts";
import { type StageName, stages } from "./job/stages.ts";
import { flightWorkflow } from "./job/workflow.ts";
import { assembleReport, type JobResult, secondsOf } from "./report/assemble.ts";
import { watchMemory } from "./report/memory.ts";
import type { Report } from "./report/report.ts";
import { summaryText } from "./report/summary.ts";
import { referenceGateway } from "./serve/gateway.ts";
import { openPlatform } from "./wire/platform.ts";

export interface Surroundings {
  readonly out: NodeJS.WriteStream;
  /** Ends the app in good order; a run that is under way goes on with the next start. */
  readonly signal: AbortSignal;
  /** Takes the JSON report. */
  readonly write: (report: string) => unknown;
}

/** A change to the stages that makes earlier results useless is a new version: it starts a new run. */
const jobVersion = 5;
const renewCredentialsMs = 30 * 60_000;
const allRows = 3_000_000;

/** Opens the platform, runs the job or finds it done, prints the summary, and stays up unless told otherwise. */
export async function runApp(options: Options, { out, signal, write }: Surroundings): Promise<void> {
  const began = performance.now();
  const source = flightsFile().digest;
  const directory = openDataDirectory(options.data, { fresh: options.fresh });
  using memory = watchMemory();
  await using stack = new AsyncDisposableStack();
  const platform = stack.use(await openPlatform(directory, memory));

  const board = stageBoard(progressPrinter(out));
  const before = new Set<StageName>();
  let result: JobResult | undefined;
  let failed = false;
  let engine: Engine | undefined;
  const gateway: Gateway = stack.use(
    referenceGateway({
      platform,
      engine: () => {
        if (engine === undefined) throw referenceError("NOT_READY", { what: "The workflow engine" });
        return engine;
      },
      state: () => consoleState({ board, platform, gateway, result, failed }),
    }),
  );
  const { port } = await listen(gateway, options.port);
  const origin = `https://localhost:${port}`;
  platform.identities.listensAt(origin);
  await platform.identities.writeCredentials();
  out.write(`Console: ${origin}/ (its certificate is vouched for by ${directory.file("ca.pem")})\n\n`);

  const workflow = flightWorkflow(platform);
  engine = stack.use(
    await createEngine({
      history: sqlite({ path: directory.file("runs.db") }),
      workflows: [workflow],
      concurrency: 1,
      onProgress: (progress) => {
        if (progress.state === "skipped") before.add(progress.step as StageName);
        board.observe(progress);
      },
    }),
  );
  const input = { source, rows: options.rows ?? allRows };
  const run = await engine.start(workflow, input, { idempotencyKey: `${jobVersion}:${source}:${input.rows}` });
  const { state } = await engine.run(run.id);
  if (state === "succeeded") {
    for (const step of await engine.steps(run.id)) board.finished(step.name, secondsOf(step));
    for (const { name } of stages) before.add(name);
  } else if (state !== "running") {
    out.write(`The run of before had ${state}: it goes on where it stopped.\n`);
    await engine.retry(run.id);
  }
  try {
    result = await run.result({ signal });
    if (state === "succeeded") await checkTable(platform, result.table);
    await platform.serving.ensure({ table: result.table.version, champion: result.champion });
  } catch (error) {
    failed = true;
    if (signal.aborted && !isAshlarError(error)) return;
    throw error;
  }
  const seconds = (performance.now() - began) / 1000;
  const report: Report = await assembleReport(engine, run, result, (stage) => before.has(stage), seconds);
  write(`${JSON.stringify(report, null, 2)}\n`);
  out.write(summaryText(report, { origin, data: directory.root }));
  if (options.once) return;

  const renewal = setInterval(() => void platform.identities.writeCredentials(), renewCredentialsMs);
  stack.defer(() => clearInterval(renewal));
  out.write(`Serving on ${origin}/ until it is stopped (Ctrl-C).\n`);
  await new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}

async function listen(gateway: ReturnType<typeof referenceGateway>, port: number): Promise<{ port: number }> {
  try {
    return await gateway.listen({ port });
  } catch (error) {
    if (isAshlarError(error, "PORT_IN_USE")) throw referenceError("PORT_IN_USE", { port }, { cause: error });
    throw error;
  }
}
