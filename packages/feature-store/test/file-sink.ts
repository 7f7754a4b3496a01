import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Table, tableFromIPC, tableToIPC } from "apache-arrow";
import type { FeatureLogSink } from "../src/log/feature-log.ts";

/** Keeps each transaction as one file, written whole or not at all. */
export function fileSink(folder: string): FeatureLogSink {
  return {
    async append(batch, { transaction: { appId, version } }) {
      const path = join(folder, `${appId}-${version}.arrow`);
      writeFileSync(`${path}.part`, tableToIPC(new Table([batch])));
      renameSync(`${path}.part`, path);
    },
  };
}

/** The names of the requests in the sink, each as often as it is there. */
export function requestsIn(folder: string): string[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".arrow"));
  return files.flatMap((name) => [
    ...((tableFromIPC(readFileSync(join(folder, name))).getChild("request_id") ?? []) as Iterable<string>),
  ]);
}
