import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";

/** A server of another project in a process of its own. */
export interface Server extends AsyncDisposable {
  readonly process: ChildProcess;
}

/** A port of the loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => void probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/**
 * Starts a program and waits until its address answers.
 *
 * @param options.answered tells whether an answer shows that it is ready; a refusal may do
 */
export async function startServer(
  program: string,
  args: readonly string[],
  options: { readonly url: string; readonly answered?: (answer: Response) => boolean },
): Promise<Server> {
  const { url, answered = (answer) => answer.ok } = options;
  const server = spawn(program, args, { stdio: "ignore" });
  const failed = new Promise<never>((_, reject) => {
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`${program} ended with ${code}`)));
  });
  failed.catch(() => {});
  const answers = async (): Promise<void> => {
    for (let attempt = 0; attempt < 300; attempt++) {
      const answer = await fetch(url).catch(() => undefined);
      if (answer !== undefined && answered(answer)) return;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    server.kill();
    throw new Error(`${program} did not answer`);
  };
  await Promise.race([answers(), failed]);
  return { process: server, [Symbol.asyncDispose]: () => ended(server) };
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  server.kill();
  await exit;
}
