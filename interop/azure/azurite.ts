import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, startServer } from "../server.ts";

/** The path of Azurite's `azurite-blob`. */
export const azurite: string | undefined = process.env["ASHLAR_AZURITE"];

export interface Azurite extends AsyncDisposable {
  readonly connectionString: string;
  /** Without the account. */
  readonly endpoint: string;
}

/** Starts Azurite on a free port of the loopback, with its files in a temporary folder. */
export async function startAzurite(): Promise<Azurite> {
  if (azurite === undefined || !existsSync(azurite)) {
    throw new Error(
      `ASHLAR_AZURITE is ${azurite ?? "not set"}: run "npm install --prefix .azurite azurite", and set it to .azurite/node_modules/.bin/azurite-blob`,
    );
  }
  const folder = await mkdtemp(join(tmpdir(), "ashlar-azurite-"));
  const port = await freePort();
  const options = ["--blobHost", "127.0.0.1", "--blobPort", String(port), "--location", folder, "--silent"];
  const url = `http://127.0.0.1:${port}/devstoreaccount1`;
  // Any answer will do: without a signature it is a refusal.
  const server = await startServer(azurite, [...options, "--skipApiVersionCheck", "--disableTelemetry"], {
    url,
    answered: () => true,
  });
  // The account of the emulator, which everybody knows: learn.microsoft.com, "Use the Azurite emulator".
  const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
  return {
    endpoint: `http://127.0.0.1:${port}`,
    connectionString: `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${key};BlobEndpoint=${url};`,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
