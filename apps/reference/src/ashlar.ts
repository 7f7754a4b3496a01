#!/usr/bin/env -S node --conditions=@ashlar/source --disable-warning=ExperimentalWarning
import { runFeatures } from "./cli/features/command.ts";

// `ashlar features ...` looks after the features of the job; anything else runs the job.
if (process.argv[2] === "features") {
  const { stdout, stderr } = process;
  process.exitCode = await runFeatures(process.argv.slice(3), { out: stdout, err: stderr });
} else await import("./main.ts");
