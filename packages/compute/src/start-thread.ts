import { Worker, type WorkerOptions } from "node:worker_threads";

/** Starts a thread that begins with a file, whatever this process began with. */
export function startThread(entry: URL, options: WorkerOptions = {}): Worker {
  // Threads inherit this flag of `node --eval`, under which no file can be where they begin; they may import one.
  if (process.execArgv.some((flag) => flag.startsWith("--input-type"))) {
    return new Worker(`import(${JSON.stringify(entry.href)})`, { ...options, eval: true });
  }
  return new Worker(entry, options);
}

const programFlag = /^(?:-e|-p|-pe|--eval|--print|--input-type)$/;
const programFlagWithValue = /^--(?:eval|print|input-type)=/;

/** The flags of a process for one that begins with a file: without what gives the program, which it would run again. */
export function flagsForFile(flags: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < flags.length; index++) {
    const flag = flags[index] as string;
    if (programFlag.test(flag)) {
      // Its value is the next, unless the program follows another of these flags, as in `-p -e`.
      if (!programFlag.test(flags[index + 1] ?? "")) index++;
    } else if (!programFlagWithValue.test(flag)) kept.push(flag);
  }
  return kept;
}
