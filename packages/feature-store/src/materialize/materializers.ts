import type { Clock, Logger } from "@ashlar/core";
import type { FeatureView } from "../define/feature-view.ts";
import type { OfflineEngine } from "../offline/port.ts";
import type { OnlineStore } from "../online/port.ts";
import { isPushed } from "../push/push.ts";
import { createSeeder } from "../push/seed.ts";
import { assertStep, createMaterializer, type Materializer } from "./materializer.ts";
import { createScanMaterializer, firstEvent } from "./scan-materializer.ts";
import { hasOnlyColumns } from "./scan-rows.ts";
import { createShareMaterializer } from "./share-materializer.ts";

export interface MaterializersContext {
  readonly offline: OfflineEngine;
  readonly online: OnlineStore;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface IntoOptions {
  readonly namespace: string;
  /** Epoch milliseconds. @default the watermark of the namespace, or the beginning */
  readonly from?: number | undefined;
  /** Epoch milliseconds that no step goes beyond. @default none */
  readonly limit?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A materialiser into one copy of a view. */
export interface MadeMaterializer {
  readonly materializer: Materializer;
  /** When the first event of the source was, epoch milliseconds; Infinity when there is none. */
  readonly first: () => Promise<number>;
}

/** Makes materialisers. */
export interface Materializers {
  /** Over a timeline that is read now and kept, for many steps. */
  overTimeline(view: FeatureView, options: IntoOptions): Promise<MadeMaterializer>;
  /** For a few steps, within so much memory: by scans. Over a timeline where the view takes pushed events. */
  forSteps(view: FeatureView, options: IntoOptions): Promise<MadeMaterializer>;
}

export function createMaterializers({ offline, online, logger, clock }: MaterializersContext): Materializers {
  function warn(view: FeatureView, ignored: { readonly nullKey: number; readonly nullEventTime: number }): void {
    if (ignored.nullEventTime + ignored.nullKey === 0) return;
    logger.warn({ view: view.name, ...ignored }, "rows without a key or an event time are ignored");
  }

  async function startOf(view: FeatureView, { from, namespace }: IntoOptions): Promise<number> {
    if (from !== undefined && from !== -Infinity) assertStep(view, from, -Infinity, Infinity);
    return from ?? (await online.watermark(namespace)) ?? -Infinity;
  }

  async function overTimeline(view: FeatureView, options: IntoOptions): Promise<MadeMaterializer> {
    const { namespace, limit = Infinity, signal } = options;
    const range = { from: await startOf(view, options), limit };
    const readAt = clock.now();
    const timeline = await offline.timeline(view, { signal, columns: isPushed(view) ? [view.push.id] : [] });
    warn(view, timeline.ignored);
    return {
      materializer: isPushed(view)
        ? createSeeder(view, timeline, online, { ...range, readAt, now: () => clock.now() })
        : createMaterializer(view, timeline, online, { ...range, namespace }),
      first: async () => Math.floor(timeline.event.reduce((least, event) => Math.min(least, event), Infinity) / 1000),
    };
  }

  async function overScans(view: FeatureView, options: IntoOptions): Promise<MadeMaterializer> {
    const { namespace, limit = Infinity, memoryBytes, signal } = options;
    const from = await startOf(view, options);
    const onIgnored = (ignored: { nullKey: number; nullEventTime: number }): void => warn(view, ignored);
    const made = { from, limit, namespace, memoryBytes, onIgnored };
    return {
      materializer: hasOnlyColumns(view)
        ? createScanMaterializer(view, online, made)
        : createShareMaterializer(view, { offline, online }, made),
      first: () => firstEvent(view, signal),
    };
  }

  return {
    overTimeline,
    forSteps: (view, options) => (isPushed(view) ? overTimeline(view, options) : overScans(view, options)),
  };
}
