import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { GrowthQuestion, Memory } from "./growth-child.ts";
import type { Bench, Suite } from "./harness.ts";
import { rowsOf } from "./inference-child.ts";

const requests = 1_000_000;
const swaps = 100;
/** The allocators of V8, of the runtime and of the C library have what they keep after these. */
const before = { requests: 200_000, swaps: 20 } as const;

/**
 * A day's growth in a minute: a model is asked a million times over HTTP and swapped a hundred times meanwhile. Memory and
 * latency at the end stand beside those at the start, in one process and with the options of Node that everybody has.
 */
export const growth: Suite = async ({ pair, folder }) => {
  const child = fork(new URL("./growth-child.ts", import.meta.url));
  const [port] = (await once(child, "message")) as [number];
  const body = join(folder, "row.json");
  const { data, shape } = rowsOf("network", 1);
  await writeFile(body, JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape, data: [...data] }] }));

  await serve(child, port, body, before);
  const start = await state(child, port, body);
  const failures = await serve(child, port, body, { requests, swaps });
  const end = await state(child, port, body);
  child.disconnect();
  await once(child, "exit");
  if (failures > 0) throw new Error(`${failures} of ${requests} requests failed while the model was swapped`);

  const beside = {
    peerName: `the same after ${before.requests} and ${before.swaps}`,
    higherIsBetter: false,
    rounds: 1,
  };
  const after = `after ${requests} requests and ${swaps} swaps`;
  const megabytes = { ...beside, unit: "MB" };
  await pair({ ...megabytes, name: `resident memory ${after}`, ...figures(end.resident, start.resident) });
  await pair({ ...megabytes, name: `but for young objects of V8, ${after}`, ...figures(end.lasting, start.lasting) });
  await pair({ ...beside, name: `HTTP, 8 connections, p99 ${after}`, unit: "ms", ...figures(end.p99, start.p99) });
};

function figures(ours: number, peer: number): Pick<Parameters<Bench["pair"]>[0], "ours" | "peer"> {
  return { ours: async () => ours, peer: async () => peer };
}

/** Has so many requests answered, and the model swapped so often meanwhile; gives how many failed. */
async function serve(
  child: ChildProcess,
  port: number,
  body: string,
  wanted: { readonly requests: number; readonly swaps: number },
): Promise<number> {
  let [answers, failures, swapped] = [0, 0, 0];
  while (answers < wanted.requests) {
    const client = load(port, body, 64, 1000);
    for (; swapped < (wanted.swaps * (answers + 1)) / wanted.requests; swapped++) await ask(child, "swap");
    const seen = await client;
    answers += seen.answers;
    failures += seen.failures;
  }
  for (; swapped < wanted.swaps; swapped++) await ask(child, "swap");
  return failures;
}

/** Memory in megabytes, also without V8's young objects; latency in milliseconds. */
async function state(
  child: ChildProcess,
  port: number,
  body: string,
): Promise<{ readonly resident: number; readonly lasting: number; readonly p99: number }> {
  const { p99 } = await load(port, body, 8, 3000);
  const { resident, young } = await ask(child, "memory");
  return { resident: resident / 2 ** 20, lasting: (resident - young) / 2 ** 20, p99 };
}

async function load(
  port: number,
  body: string,
  connections: number,
  milliseconds: number,
): Promise<{ readonly answers: number; readonly failures: number; readonly p99: number }> {
  const options = [port, "/v2/models/network/infer", connections, milliseconds, 0, body, "{}"];
  const client = fork(new URL("./http-load.ts", import.meta.url), options.map(String));
  const [seen] = (await once(client, "message")) as [{ answers: number; failures: number; p99: number }];
  await once(client, "exit");
  return seen;
}

async function ask(child: ChildProcess, question: GrowthQuestion): Promise<Memory> {
  child.send(question);
  const [memory] = (await once(child, "message")) as [Memory];
  return memory;
}
