import type { Clock } from "@ashlar/core";

import { invalidOption } from "./options.ts";
import type { ModelEntry } from "./model-entry.ts";
import type { Servable } from "./servable.ts";
import type { ShadowLimits } from "./server.ts";
import { Shadow, type ShadowOptions, type ShadowReport } from "./shadow.ts";

interface Trial {
  readonly entry: ModelEntry;
  readonly next: Servable;
  readonly clock: Clock;
  readonly closing: AbortSignal;
}

/**
 * Sends copies of live requests to a version that is about to take over, until enough were compared or the time is
 * over. @throws INFERENCE_OPTION_INVALID
 */
export async function compareOnLiveRequests(
  { entry, next, clock, closing }: Trial,
  options: number | (ShadowOptions & ShadowLimits),
): Promise<ShadowReport> {
  const {
    requests = 100,
    timeoutMs = 10_000,
    ...shadowOptions
  } = typeof options === "number" ? { share: options } : options;
  if (!(shadowOptions.share > 0 && shadowOptions.share <= 1)) {
    await next.close();
    throw invalidOption("shadow", shadowOptions.share, "a share above 0 and up to 1");
  }
  const enough = new AbortController();
  const shadow: Shadow = new Shadow(next, shadowOptions, () => {
    const { compared, failures } = shadow.report;
    if (compared + failures >= requests) enough.abort();
  });
  const ended = clock.sleep(timeoutMs, { signal: AbortSignal.any([enough.signal, closing]) }).catch(() => {});
  await entry.shadowWith(shadow, ended);
  return shadow.report;
}
