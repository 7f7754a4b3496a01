import { execFile, execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";

/** A closed loop of requests by `wrk`, which takes a fraction of the processor time that a client in Node does. */
export interface WrkLoad {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** The file of a body to POST. */
  readonly bodyFile: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface WrkResult {
  /** In a second. */
  readonly rate: number;
  readonly answers: number;
  readonly failures: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Of the client, in microseconds. */
  readonly cpuMicros: number;
}

/** Debian's package `wrk`. */
export function hasWrk(): boolean {
  try {
    execFileSync("wrk", ["--version"], { stdio: "ignore" });
    return true;
  } catch (error) {
    // It prints its version and exits with 1.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}

export async function wrk({ port, path, connections, seconds, bodyFile, headers }: WrkLoad): Promise<WrkResult> {
  const script = `${bodyFile}.lua`;
  await writeFile(script, program(bodyFile, headers));
  const url = `http://127.0.0.1:${port}${path}`;
  const options = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, url];
  const { stdout } = await promisify(execFile)("wrk", options);
  const json = /^\{.*\}$/m.exec(stdout)?.[0];
  if (json === undefined) throw new Error(`wrk gave no result: ${stdout}`);
  return JSON.parse(json) as WrkResult;
}

/** In Lua; a long bracket keeps whatever is in a string. */
function program(bodyFile: string, headers: Readonly<Record<string, string>>): string {
  const fields = Object.entries(headers).map(([name, value]) => `wrk.headers[ [==[${name}]==] ] = [==[${value}]==]`);
  return [
    `local file = io.open([==[${bodyFile}]==], "rb")`,
    `wrk.method = "POST"`,
    `wrk.body = file:read("*a")`,
    ...fields,
    "done = function(summary, latency)",
    "  local errors = summary.errors",
    "  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout",
    `  print(string.format('{"rate":%f,"answers":%d,"failures":%d,"p50":%f,"p99":%f,"cpuMicros":%d}',`,
    "    summary.requests * 1e6 / summary.duration, summary.requests - failures, failures,",
    "    latency:percentile(50) / 1000, latency:percentile(99) / 1000, os.clock() * 1e6))",
    "end",
    "",
  ].join("\n");
}
