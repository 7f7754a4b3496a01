import type { BufferPool } from "../infer/buffer-pool.ts";
import type { ModelFigures } from "../infer/figures.ts";
import { invalidOption, requirePositiveInteger } from "../infer/options.ts";
import type { BodyRules } from "./body.ts";
import { BodyTimeouts } from "./body-timeouts.ts";

/** What the repository extension does; `openModelRepository` gives one. */
export interface RepositoryControl {
  /** Every model version that the repository holds. */
  index(): Promise<readonly RepositoryIndexEntry[]>;
  /** Loads a model or takes in its changes; `settings` go before those of its file. */
  load(name: string, settings?: unknown): Promise<void>;
  unload(name: string, options?: { readonly dependents?: boolean }): Promise<void>;
}

export interface RepositoryIndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: "READY" | "UNAVAILABLE" | "LOADING" | "UNLOADING";
  readonly reason: string;
}

export interface ProtocolOptions {
  /** Bytes of a request body at most, unpacked. Default 64 MiB. */
  readonly maxBodyBytes?: number;
  /** Milliseconds in which a body must have arrived. Default 30,000. */
  readonly bodyTimeoutMs?: number;
  /**
   * Bytes of JSON above which a body is parsed, and an answer written, in a thread of its own, so that the event loop
   * goes on. Default 262,144.
   */
  readonly offloadBytes?: number;
  /** Bytes that may be in that thread or wait for it; what goes beyond is answered with 503. Default 256 MiB. */
  readonly offloadMaxBytes?: number;
  /** What `GET /v2` names the server. Default `ashlar`. */
  readonly serverName?: string;
  /** What `GET /v2` gives as its version. Default `0.1.0`. */
  readonly serverVersion?: string;
  /** Allows clients to load and unload models. Default: they may not, and get 501. */
  readonly repository?: RepositoryControl;
}

/** What a process of a cluster knows of the others. */
export interface ClusterView {
  /** True when every process serves every model. */
  readonly ready: boolean;
  /** Of all processes together. */
  figures(): Promise<readonly ModelFigures[]>;
}

export interface InternalProtocolOptions extends ProtocolOptions {
  readonly cluster?: ClusterView;
}

export interface ResolvedProtocolOptions extends Required<Omit<ProtocolOptions, "repository">> {
  readonly repository: RepositoryControl | null;
  readonly cluster: ClusterView | null;
}

/** @throws INFERENCE_OPTION_INVALID */
export function resolveProtocolOptions(options: InternalProtocolOptions): ResolvedProtocolOptions {
  const resolved = {
    maxBodyBytes: 64 * 2 ** 20,
    bodyTimeoutMs: 30_000,
    offloadBytes: 256 * 1024,
    offloadMaxBytes: 256 * 2 ** 20,
    serverName: "ashlar",
    serverVersion: "0.1.0",
    repository: null,
    cluster: null,
    ...options,
  };
  requirePositiveInteger("maxBodyBytes", resolved.maxBodyBytes);
  requirePositiveInteger("offloadBytes", resolved.offloadBytes);
  requirePositiveInteger("offloadMaxBytes", resolved.offloadMaxBytes);
  if (!(resolved.bodyTimeoutMs > 0)) {
    throw invalidOption("bodyTimeoutMs", resolved.bodyTimeoutMs, "a number of milliseconds above 0");
  }
  return resolved;
}

/** The rules for bodies that follow from the options; one for each way in, since it holds a timer. */
export function bodyRules(options: ResolvedProtocolOptions, buffers: BufferPool): BodyRules {
  return { maxBodyBytes: options.maxBodyBytes, timeouts: new BodyTimeouts(options.bodyTimeoutMs), buffers };
}
