import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The path of Azurite's `azurite-blob`. */
export const azurite: string | undefined = process.env["ASHLAR_AZURITE"];

export interface Azurite extends AsyncDisposable {
  readonly connectionString: string;
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
  const server = spawn(azurite, [...options, "--skipApiVersionCheck", "--disableTelemetry"], { stdio: "ignore" });
  const failed = new Promise<never>((_, reject) => {
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`azurite ended with ${code}`)));
  });
  const url = `http://127.0.0.1:${port}/devstoreaccount1`;
  await Promise.race([answering(url), failed]);
  failed.catch(() => {});
  // The account of the emulator, which everybody knows: learn.microsoft.com, "Use the Azurite emulator".
  const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
  return {
    connectionString: `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${key};BlobEndpoint=${url};`,
    async [Symbol.asyncDispose]() {
      await ended(server);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => void probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function answering(url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    // Any answer will do: without a signature it is a refusal.
    if ((await fetch(url).catch(() => undefined)) !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  throw new Error("azurite did not answer");
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  server.kill();
  await exit;
}
