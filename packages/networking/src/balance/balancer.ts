/** How one request to an upstream ended: `abandoned` when the caller went away before that was known. */
export type Outcome = "success" | "failure" | "abandoned";

/** One request's claim on one upstream. */
export interface Lease {
  /** One of {@link Balancer.urls}. */
  readonly url: string;
  /** Gives the claim back; only the first call counts. */
  release(outcome: Outcome): void;
}

export interface UpstreamStatistics {
  readonly url: string;
  /** Requests under way. */
  readonly outstanding: number;
  /** Requests begun since the start. */
  readonly requests: number;
  readonly failures: number;
  /** True while it gets no traffic but probes. */
  readonly ejected: boolean;
}

/** Connections the gateway makes to the upstreams of one balancer. */
export interface ConnectionOptions {
  /** Connections for each upstream. Default 128. */
  readonly connections?: number;
  /** Milliseconds to connect. Default 2 000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds to the head of the response. Default 30 000. */
  readonly headersTimeoutMs?: number;
  /** Milliseconds between two pieces of the response's body. Default 60 000. */
  readonly bodyTimeoutMs?: number;
  /** For `https` upstreams: authorities to trust in PEM instead of the system's, and a client certificate. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string };
}

/** Chooses the upstream of each request. It makes no connection itself. */
export interface Balancer {
  /** Origins such as `https://10.0.0.1:8443`. */
  readonly urls: readonly string[];
  readonly connection?: ConnectionOptions;
  /**
   * @param tried upstreams this request has failed on; taken again only when no other is left
   * @returns undefined when every upstream is ejected
   */
  acquire(tried?: ReadonlySet<string>): Lease | undefined;
  statistics(): readonly UpstreamStatistics[];
}
