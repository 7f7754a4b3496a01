import { type Clock, systemClock } from "@ashlar/core";
import { networkingError } from "../errors.ts";
import type { Breaker, Permit } from "../resilience/breaker.ts";
import type { Balancer, ConnectionOptions, Lease, Outcome } from "./balancer.ts";
import { type OutlierOptions, outlierEjection } from "./outlier.ts";

export interface LeastLoadedOptions {
  /** When an upstream stops getting traffic. */
  readonly outlier?: OutlierOptions;
  readonly connection?: ConnectionOptions;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
  /** Default: the system clock. */
  readonly clock?: Clock;
}

interface Upstream {
  readonly url: string;
  readonly breaker: Breaker;
  outstanding: number;
  requests: number;
  failures: number;
}

/**
 * The better of two random choices by requests under way (Mitzenmacher, "The Power of Two Choices in Randomized Load
 * Balancing", 2001), with passive outlier ejection.
 *
 * @param urls origins such as `https://10.0.0.1:8443`, without path
 * @throws OPTION_INVALID
 */
export function leastLoaded(urls: readonly string[], options: LeastLoadedOptions = {}): Balancer {
  const random = options.random ?? Math.random;
  const origins = checkOrigins(urls);
  const breakers = outlierEjection(origins.length, options.outlier, options.clock ?? systemClock);
  const upstreams = origins.map((url, index): Upstream => {
    return { url, breaker: breakers[index] as Breaker, outstanding: 0, requests: 0, failures: 0 };
  });

  return {
    urls: origins,
    ...(options.connection === undefined ? {} : { connection: options.connection }),
    acquire(tried) {
      const open = upstreams.filter((upstream) => upstream.breaker.admits());
      const fresh = tried ? open.filter((upstream) => !tried.has(upstream.url)) : open;
      const chosen = betterOfTwo(fresh.length > 0 ? fresh : open, random);
      const permit = chosen?.breaker.admit();
      return chosen && permit && lease(chosen, permit);
    },
    statistics: () =>
      upstreams.map(({ url, breaker, outstanding, requests, failures }) => {
        return { url, outstanding, requests, failures, ejected: breaker.state !== "closed" };
      }),
  };
}

function betterOfTwo(upstreams: readonly Upstream[], random: () => number): Upstream | undefined {
  const count = upstreams.length;
  if (count < 2) return upstreams[0];
  const first = Math.floor(random() * count);
  // Drawn from the others, so that the two always differ.
  const second = (first + 1 + Math.floor(random() * (count - 1))) % count;
  const [a, b] = [upstreams[first] as Upstream, upstreams[second] as Upstream];
  return b.outstanding < a.outstanding ? b : a;
}

function lease(upstream: Upstream, permit: Permit): Lease {
  upstream.outstanding += 1;
  upstream.requests += 1;
  let released = false;
  return {
    url: upstream.url,
    release(outcome: Outcome) {
      if (released) return;
      released = true;
      upstream.outstanding -= 1;
      if (outcome === "failure") upstream.failures += 1;
      if (outcome === "success") permit.succeed();
      else if (outcome === "failure") permit.fail();
      else permit.abandon();
    },
  };
}

function checkOrigins(urls: readonly string[]): readonly string[] {
  const rule = "a list of different http or https origins without path, user or query, such as https://10.0.0.1:8443";
  const fail = (value: string): never => {
    throw networkingError("OPTION_INVALID", { option: "urls", value, rule });
  };
  if (urls.length === 0) fail("empty");
  const origins = urls.map((text) => {
    const url = URL.parse(text);
    const plain = url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
    return plain ? url.origin : fail(JSON.stringify(text));
  });
  if (new Set(origins).size < origins.length) fail(JSON.stringify(urls));
  return origins;
}
