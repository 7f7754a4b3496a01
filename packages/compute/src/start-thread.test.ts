import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { scale } from "../test/onnx-models.ts";
import { flagsForFile } from "./start-thread.ts";

test.each([
  [["--conditions=x", "-e", "code"], ["--conditions=x"]],
  [["--eval=code", "--input-type=module", "--conditions=x"], ["--conditions=x"]],
  [["-p", "-e", "code", "--enable-source-maps"], ["--enable-source-maps"]],
  [["--input-type", "module", "--eval", "-1", "--no-warnings"], ["--no-warnings"]],
  [
    ["--import", "./hook.mjs", "-pe", "--eval-like"],
    ["--import", "./hook.mjs"],
  ],
  [[], []],
])("a process that begins with a file is not given the program of this one: %j", (flags, kept) => {
  expect(flagsForFile(flags)).toEqual(kept);
});

test.each([["--input-type=module", "--eval"], ["--eval"]])(
  "threads and processes start from a program that is text: node %s",
  async (...flags) => {
    const library = JSON.stringify(new URL("./infer/index.ts", import.meta.url).href);
    const program = `
      import(${library}).then(async ({ createInferenceServer, startInferenceCluster }) => {
        const onnx = Buffer.from("${Buffer.from(scale(3)).toString("base64")}", "base64");
        for (const execution of ["worker", "process"]) {
          await using server = createInferenceServer({ execution });
          await server.load("scale", { onnx });
          console.log(execution, (await server.infer("scale", Float32Array.of(1, 2))).y.data.join());
        }
        await using cluster = await startInferenceCluster({ processes: 1 });
        await cluster.load("scale", { onnx });
        console.log("cluster", cluster.models().length);
      })`;
    const cwd = fileURLToPath(new URL("../../..", import.meta.url));
    const run = promisify(execFile)(process.execPath, ["--conditions=@ashlar/source", ...flags, program], {
      cwd,
      timeout: 60_000,
    });
    expect((await run).stdout).toBe("worker 3,6\nprocess 3,6\ncluster 1\n");
  },
  60_000,
);
