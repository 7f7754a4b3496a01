import type { Duration } from "../define/duration.ts";
import type { View } from "../define/selection.ts";
import type { FeatureService } from "../define/service.ts";
import type { OutputOptions } from "../offline/feature-column.ts";
import type { Labels } from "./label-source.ts";

/** How labels and features are joined. */
export interface TrainingOptions {
  /** The rows to join features to; every one comes out once, in this order. */
  readonly labels: Labels;
  /** The label column that says as of when features are wanted; default `"time"`. */
  readonly time?: string;
  /** Cut off at what was known by then; default true. False leaks what only later became known. */
  readonly knownAt?: boolean;
  /** Leave out events at exactly the label's time; default false. */
  readonly strict?: boolean;
  /**
   * Two rows of one key with one event time (and one known time): `"last"`, the default, takes the one ingested last,
   * `"error"` refuses the source with TIE_FOUND.
   */
  readonly onTie?: "last" | "error";
  /** Plain columns look back no further than this, whatever the ttl of their view; default as far as the ttl. */
  readonly lookBack?: Duration;
  /** State `"UTC"` when label timestamps without a zone are UTC. Without it they are refused. */
  readonly timezone?: "UTC";
  readonly output?: OutputOptions;
  /** Join a second time on event time alone and count what differs; default false, since it costs a second join. */
  readonly leakReport?: boolean;
  /** The label column of an on-demand input that is named otherwise. An input named `at` is the label's time by default. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface TrainingSetOptions<Selection extends string = string> extends TrainingOptions {
  readonly features: readonly Selection[];
}

/** A training set of the features a service selects, by its pinned definitions. */
export interface ServiceTrainingSetOptions<Service extends FeatureService = FeatureService> extends TrainingOptions {
  readonly service: Service;
}

/** Which features, by name, and the service that pins them, if any. */
export interface SelectionOptions {
  readonly features: readonly string[];
  readonly service?: FeatureService;
}

/** The views and features that a request is for: those of a service by the definitions it pins. */
export function selected(
  views: readonly View[],
  request: TrainingSetOptions | ServiceTrainingSetOptions,
): { readonly views: readonly View[]; readonly selection: SelectionOptions } {
  if (!("service" in request)) return { views, selection: { features: request.features } };
  const { service } = request;
  return { views: service.views, selection: { features: service.features, service } };
}
