import type { Socket } from "node:net";

import type { Logger } from "@ashlar/core";

import type { ModelFigures } from "../infer/figures.ts";
import type { InferenceServer } from "../infer/server.ts";
import type { RepositoryControl } from "../protocol/options.ts";
import type { MemberStart } from "./messages.ts";
import { ProcessCluster } from "./process-cluster.ts";

export interface ClusterOptions {
  /** Processes that serve. Default: what the machine offers, `availableParallelism()`. */
  readonly processes?: number;
  /** For the server of each process. */
  readonly server?: MemberStart["server"];
  /** For the listener of each process. */
  readonly protocol?: MemberStart["protocol"];
  /**
   * A module that each process imports. Its default export takes the request listener of the process and gives the one
   * to use: the place for checks of your own. Default: none.
   */
  readonly wrapper?: URL;
  /**
   * Milliseconds after which a process that answers nothing, such as one that a debugger has stopped, is ended and started
   * again. Default: 30 000.
   */
  readonly unresponsiveMs?: number;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** Processes that serve the same models behind one port. */
export interface InferenceCluster
  extends Pick<InferenceServer, "load" | "add" | "swap" | "unload" | "promote" | "route" | "models">, AsyncDisposable {
  /**
   * Takes the connections of your `net.Server` and hands them to the processes in turn:
   * `createServer({ pauseOnConnect: true }, cluster.connectionListener()).listen(8000)`. The server must pause them,
   * so that no byte of a request is read here.
   */
  connectionListener(): (socket: Socket) => void;
  /** Lets clients load and unload models through this repository of the cluster; `null` forbids it again. */
  allowRepository(repository: RepositoryControl | null): void;
  /** Of all processes together, by version, with what those that died had counted in the seconds before. */
  figures(): Promise<readonly ModelFigures[]>;
  /** The same in the Prometheus text format 0.0.4, with the names and meanings of Triton's `nv_*` metrics. */
  metrics(): Promise<string>;
  /** True when every process runs and serves every model. */
  readonly ready: boolean;
  /** The ids of the processes that serve. */
  readonly pids: readonly number[];
}

/**
 * Starts processes that serve the Open Inference Protocol together, each with a server and instances of its own. A
 * change is made by all or none: each process loads and warms up what is new, and when all are ready all take it. A
 * process that dies is started again with what is served; until it is ready the others get its connections.
 *
 * @throws INFERENCE_OPTION_INVALID, CLUSTER_PROCESS_LOST when one does not start
 */
export async function startInferenceCluster(options: ClusterOptions = {}): Promise<InferenceCluster> {
  const cluster = new ProcessCluster(options);
  try {
    await cluster.start();
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
  return cluster;
}
