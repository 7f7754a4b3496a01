import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort, startServer } from "./server.ts";

const python: string = process.env["ASHLAR_PYTHON"] ?? fileURLToPath(new URL("../.venv/bin/python", import.meta.url));
const script = fileURLToPath(new URL("./moto_server.py", import.meta.url));
export const isThere: boolean = existsSync(python);

/** The services of AWS, by the Python package `moto[server]`, on a free port of the loopback. */
export interface Moto extends AsyncDisposable {
  readonly endpoint: string;
}

export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const server = await startServer(python, [script, "-H", "127.0.0.1", "-p", String(port)], {
    url: `${endpoint}/moto-api/data.json`,
  });
  return { endpoint, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
