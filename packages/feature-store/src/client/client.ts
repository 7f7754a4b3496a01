import type { FeatureView } from "../define/feature-view.ts";
import type { EntityRow, Selector, View } from "../define/selection.ts";
import type { FeatureService } from "../define/service.ts";
import { type Transform, transformer, transformInput } from "../define/transform.ts";
import type { Value } from "../define/value-type.ts";
import type { Reading, Readings } from "../serve/read.ts";
import type { Vector } from "../feature-store.ts";
import type { Metric } from "../nearest/metric.ts";
import type { Neighbour, VectorFeature } from "../nearest/nearest.ts";
import { ask, askNearest, type Transport } from "./ask.ts";

export interface FeatureClientOptions {
  /** Where the handler is mounted: `https://host/features`. */
  readonly url: string | URL;
  /** Those that run here: their features are computed from the request, and are not asked for. @default none */
  readonly transforms?: readonly Transform[];
  /** How answers come. Arrow is smaller and faster for many entities, and needs `apache-arrow`, which is then imported. @default "json" */
  readonly format?: "json" | "arrow";
  /** @default 10_000 */
  readonly timeoutMs?: number;
  /** Added to every request, a token for one; called anew for each when it is a function. */
  readonly headers?: Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>);
  /** @default that of the platform */
  readonly fetch?: typeof fetch;
}

interface ClientCall {
  /** Epoch milliseconds that ages are reckoned at; default now, by the clock of the server. */
  readonly at?: number;
  /** Names the read in the logs of the server; default it makes one up. */
  readonly requestId?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface ClientRequest<Row> extends ClientCall {
  /** One row per entity: the keys of the selected views and the inputs of the selected on-demand views. */
  readonly entities: readonly Row[];
}

/** Views that have vectors. */
type VectorView<Views extends readonly View[]> = Views[number] extends infer Each
  ? Each extends FeatureView
    ? [VectorFeature<Each>] extends [never]
      ? never
      : Each
    : never
  : never;

export interface ClientNearestOptions<Of extends FeatureView, Name extends Of["name"]> extends ClientCall {
  readonly view: Name;
  readonly vector: Float32Array | readonly number[];
  /** How many, from 1 to what the handler allows, 1,000 by default. */
  readonly k: number;
  /** @default "cosine" */
  readonly metric?: Metric;
  /** Which vector of the view; needed where it has several. */
  readonly feature?: VectorFeature<Extract<Of, { readonly name: Name }>>;
  /** The features that are told of each neighbour. @default all that are stored */
  readonly values?: readonly (keyof Extract<Of, { readonly name: Name }>["features"] & string)[];
}

export interface ClientReadOptions<Row, Selection> extends ClientRequest<Row> {
  readonly features: readonly Selection[];
}

export interface ClientServiceReadOptions<Row, Name> extends ClientRequest<Row> {
  /** A service that the handler was given. */
  readonly service: Name;
}

type ServiceOf<Services extends readonly FeatureService[], Name> = Extract<Services[number], { readonly name: Name }>;

/** Reads features over HTTP, with the types of the definitions. */
export interface FeatureClient<
  Views extends readonly View[],
  Services extends readonly FeatureService[] = readonly FeatureService[],
> {
  /**
   * Reads features of entities. Errors of the server are thrown as they are there, by code.
   *
   * @throws SERVER_UNREACHABLE, DEADLINE_EXCEEDED, which are retryable; RESPONSE_INVALID; ON_DEMAND_FAILED, ENTITY_KEY_INVALID
   *   of transforms that run here; the reason of the signal when it is aborted
   */
  read<const Selection extends Selector<Views>>(
    options: ClientReadOptions<EntityRow<Views, Selection>, Selection>,
  ): Promise<Vector<Views, Selection>[]>;
  /** The same for a service, by the definitions it pins, all by the server. */
  read<const Name extends Services[number]["name"]>(
    options: ClientServiceReadOptions<
      EntityRow<ServiceOf<Services, Name>["views"], ServiceOf<Services, Name>["selection"][number]>,
      Name
    >,
  ): Promise<Vector<ServiceOf<Services, Name>["views"], ServiceOf<Services, Name>["selection"][number]>[]>;
  /** The entities whose vectors are nearest to one, as `FeatureStore.nearest` finds them. Throws what `read` does. */
  nearest<const Name extends VectorView<Views>["name"]>(
    options: ClientNearestOptions<VectorView<Views>, Name>,
  ): Promise<readonly Neighbour[]>;
}

/**
 * Makes a client of `FeatureStore.handler`: `createFeatureClient<typeof views>({ url })`. The definitions are needed as types
 * only: nothing of them is in the bundle, but for transforms that are to run here.
 */
export function createFeatureClient<
  Views extends readonly View[],
  Services extends readonly FeatureService[] = readonly FeatureService[],
>(options: FeatureClientOptions): FeatureClient<Views, Services> {
  const { url, format = "json", timeoutMs = 10_000, headers = {}, transforms = [] } = options;
  const base = String(url).replace(/\/+$/, "");
  const transport: Transport = { url: base, format, headers, fetch: options.fetch ?? globalThis.fetch };
  const local = new Map(transforms.map((each) => [each.name, { transform: each, run: transformer(each) }]));

  async function read(
    request: ClientReadOptions<unknown, string> | ClientServiceReadOptions<unknown, string>,
  ): Promise<Readings[]> {
    const { at = Date.now() } = request;
    const entities = request.entities as readonly Readonly<Record<string, unknown>>[];
    const call = { ...request, timeoutMs: request.timeoutMs ?? timeoutMs, entities };
    if ("service" in request) return ask(transport, { ...call, service: request.service });
    const here = request.features.filter((name) => local.has(viewOf(name)));
    const there = request.features.filter((name) => !local.has(viewOf(name)));
    // Before anything is asked for: what is wrong with an input is said at once.
    const computed = [...new Set(here.map(viewOf))].map((name) => computeHere(name, here, entities, at));
    const rows = there.length === 0 ? entities.map(() => ({})) : await ask(transport, { ...call, features: there });
    return rows.map((row, i) => Object.assign(row, ...computed.map((of) => of[i])) as Readings);
  }

  function computeHere(
    view: string,
    selectors: readonly string[],
    entities: readonly Readonly<Record<string, unknown>>[],
    at: number,
  ): Readings[] {
    const { transform, run } = local.get(view) as { transform: Transform; run: ReturnType<typeof transformer> };
    const all = selectors.includes(`${view}:*`);
    const wanted = Object.keys(transform.output).filter((name) => all || selectors.includes(`${view}:${name}`));
    return entities.map((row, i) => {
      const input = transformInput(transform, row, i, at);
      const result = input === undefined ? {} : run(input);
      return Object.fromEntries(wanted.map((name) => [`${view}:${name}`, readingOf(result[name] ?? null)]));
    });
  }

  return {
    // What a row is, the overloads say.
    read: read as never,
    nearest({ requestId, timeoutMs: own = timeoutMs, signal, ...body }) {
      return askNearest(transport, { requestId, timeoutMs: own, signal }, body);
    },
  };
}

const viewOf = (selector: string): string => selector.slice(0, selector.indexOf(":"));

const readingOf = (value: Value | null): Reading =>
  value === null ? { status: "NULL", value, ageMs: 0 } : { status: "PRESENT", value, ageMs: 0 };
