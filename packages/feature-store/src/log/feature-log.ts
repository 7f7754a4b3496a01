import { randomUUID } from "node:crypto";
import { type Logger, silentLogger } from "@ashlar/core";
import type { RecordBatch } from "apache-arrow";
import type { Selector, View } from "../define/selection.ts";
import type { FeatureService } from "../define/service.ts";
import type { Value } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import type { Readings } from "../serve/read.ts";
import { type LogDefinition, logDefinition, type LoggedFeatures } from "./definition.ts";
import { LogWriter } from "./log-writer.ts";
import { isSampled } from "./sample.ts";
import { micros } from "./served-rows.ts";

/** Where served rows go: a table of a lake, or anything that keeps Arrow batches. */
export interface FeatureLogSink {
  /**
   * Keeps the rows of a batch, all or none. `transaction` is the same for every try of one batch and never comes again: a
   * sink that keeps it, as a lake table does, has each batch once, whatever was answered. `signal` aborts a try that
   * takes too long.
   */
  append(
    batch: RecordBatch,
    options: {
      readonly transaction: { readonly appId: string; readonly version: number };
      readonly signal: AbortSignal;
    },
  ): Promise<unknown>;
}

export interface FeatureLogOptions {
  readonly sink: FeatureLogSink;
  /** The share of reads that are kept, from 0 to 1, by a hash of their id. @default 1 */
  readonly sample?: number;
  /** Rows that may wait; more are dropped and counted. @default 20_000 */
  readonly maxRows?: number;
  /** Characters of the keys and inputs of rows that may wait: who reads says how long they are. @default 67_108_864 */
  readonly maxTextLength?: number;
  /** Rows to a batch: as soon as so many wait they are appended. @default 5_000 */
  readonly batchRows?: number;
  /** Fewer are appended after so many milliseconds. @default 10_000 */
  readonly flushMs?: number;
  /** How often a batch is tried before it is given up, and its rows are counted as failed. @default 5 */
  readonly tries?: number;
  /** For how many milliseconds a try is waited for: a sink that hangs holds up no dispose. @default 60_000 */
  readonly appendMs?: number;
  /**
   * True: a read is answered when its rows are in the sink, or counted as dropped or failed: what a caller has seen is lost to no
   * kill -9. Reads that
   * are under way at once share an append. @default false
   */
  readonly sync?: boolean;
  readonly logger?: Logger;
}

/** What became of the rows that were served, since the log was made. */
export interface FeatureLogCounts {
  /** In the sink. */
  readonly logged: number;
  /** Still in memory. */
  readonly waiting: number;
  /** Left out because too many waited, or too long ones. */
  readonly dropped: number;
  /** Given up: the sink refused them each time. */
  readonly failed: number;
  /** Left out by `sample`. */
  readonly notSampled: number;
}

/** A read that was answered. */
export interface ServedRead {
  readonly requestId: string;
  /** Epoch milliseconds it was as of. */
  readonly at: number;
  /** The views it was answered by. */
  readonly views: readonly View[];
  readonly entities: readonly Readonly<Record<string, unknown>>[];
  /** What was asked for: `view:feature` or `view:*`. */
  readonly features: readonly string[];
  /** What was answered; called at once, and only when it is kept. */
  readonly rows: () => readonly Readings[];
}

/** Keeps what was served. Give it to `createFeatureStore({ logs })`, which disposes it. */
export interface FeatureLog extends AsyncDisposable {
  /** What the column `definition` holds. */
  readonly definition: string;
  readonly features: readonly string[];
  /** True: reads are answered after {@link flush}. */
  readonly sync?: boolean;
  /** Takes note of a read. It never throws and never waits. */
  record(read: ServedRead): void;
  /** Resolves when every row that was recorded before it is in the sink, or given up. */
  flush(): Promise<void>;
  counts(): FeatureLogCounts;
}

/**
 * Makes a log of the features of a service, or of a selection: every read that has some of them, by the same versions of their
 * views, becomes a row per entity. Rows wait in memory, at most `maxRows` of them and `maxTextLength`, and are appended in the background: a
 * read never waits for the sink, and a sink that fails fails no read.
 *
 * What waits when the process is killed is lost, unless `sync` is set; what `flush` or dispose resolved for is in the sink. A batch whose answer
 * was lost is appended again: a sink that keeps transactions has it once, another may have it twice.
 *
 * @throws FEATURE_UNKNOWN; DEFINITION_INVALID for a key that has the name of a column of the log; REQUEST_INVALID for a
 *   number out of range
 */
export function featureLog<const Views extends readonly View[]>(
  options: FeatureLogOptions & { readonly views: Views; readonly features: readonly Selector<Views>[] },
): FeatureLog;
export function featureLog(options: FeatureLogOptions & { readonly service: FeatureService }): FeatureLog;
export function featureLog(options: FeatureLogOptions & LoggedFeatures): FeatureLog {
  const {
    sink,
    sample = 1,
    maxRows = 20_000,
    maxTextLength = 64 * 1024 * 1024,
    batchRows = 5_000,
    flushMs = 10_000,
    tries = 5,
    appendMs = 60_000,
    sync = false,
  } = options;
  if (!(sample >= 0 && sample <= 1)) throw invalid("sample", sample, "a share from 0 to 1");
  for (const [name, value] of Object.entries({ maxRows, maxTextLength, batchRows, flushMs, tries, appendMs })) {
    if (!Number.isSafeInteger(value) || value < 1) throw invalid(name, value, "a whole number from 1 on");
  }
  const definition = logDefinition(options);
  const isOurs = matcher(definition);
  const writer = new LogWriter(definition, sink, {
    maxRows,
    maxTextLength,
    batchRows,
    flushMs,
    tries,
    appendMs,
    appId: randomUUID(),
    logger: options.logger ?? silentLogger,
  });
  let notSampled = 0;

  return {
    definition: definition.hash,
    features: definition.selection.names,
    sync,
    record({ requestId, at, views, entities, features, rows }) {
      if (!isOurs(views, features)) return;
      if (!isSampled(requestId, sample)) {
        notSampled += entities.length;
        return;
      }
      let answered: readonly Readings[] | undefined;
      writer.add(entities.length, (row) => ({
        request: requestId,
        row,
        at,
        given: givenOf(definition, entities[row] ?? {}, at),
        readings: (answered ??= rows())[row] ?? {},
      }));
    },
    flush: () => writer.flush(),
    counts: () => ({ ...writer.counts(), notSampled }),
    [Symbol.asyncDispose]: () => writer.close(),
  };
}

const invalid = (name: string, value: unknown, wanted: string): Error =>
  featureStoreError("REQUEST_INVALID", {
    rule: `"${name}" of a feature log is ${String(value)}, and must be ${wanted}`,
  });

/** Whether a read has a feature of the log, and none by another version of its view. */
function matcher({ selection }: LogDefinition): (views: readonly View[], features: readonly string[]) => boolean {
  const ours: readonly View[] = [...selection.views, ...selection.onDemand].map(({ view }) => view);
  const known = new WeakMap<readonly View[], boolean>();
  const sameVersions = (views: readonly View[]): boolean => {
    const kept = known.get(views);
    if (kept !== undefined) return kept;
    const same = ours.every(({ name, version }) => {
      const found = views.find((each) => each.name === name);
      return found === undefined || found.version === version;
    });
    known.set(views, same);
    return same;
  };
  const names = new Set(selection.names);
  const has = (asked: string): boolean =>
    names.has(asked) || (asked.endsWith(":*") && ours.some(({ name }) => asked === `${name}:*`));
  return (views, features) => sameVersions(views) && features.some(has);
}

/** Copied at once: the caller may use the object again. */
function givenOf(
  { given }: LogDefinition,
  entity: Readonly<Record<string, unknown>>,
  at: number,
): readonly (Value | null)[] {
  return given.map(({ name, type }) => {
    const value = entity[name] as Value | null | undefined;
    if (value === undefined) return name === "at" && type === "timestamp" ? micros(Math.trunc(at)) : null;
    return type === "int64" && typeof value === "number" ? BigInt(value) : value;
  });
}
