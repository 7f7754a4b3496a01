import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@ashlar/core";
import type { LogDefinition } from "./definition.ts";
import type { FeatureLogCounts, FeatureLogSink } from "./feature-log.ts";
import { servedBatch, type ServedRow } from "./served-rows.ts";

export interface LogWriterOptions {
  readonly maxRows: number;
  readonly maxTextLength: number;
  readonly batchRows: number;
  readonly flushMs: number;
  readonly tries: number;
  readonly appendMs: number;
  readonly appId: string;
  readonly logger: Logger;
}

/** Rows on their way to the sink: one batch at a time, in the order they came. */
export class LogWriter {
  readonly #definition: LogDefinition;
  readonly #sink: FeatureLogSink;
  readonly #options: LogWriterOptions;
  #rows: ServedRow[] = [];
  /** Rows of the batch that is being appended: they are in memory too. */
  #leaving = 0;
  /** Characters of what was given with the rows in memory. */
  #textLength = 0;
  #version = 0;
  #logged = 0;
  #dropped = 0;
  #failed = 0;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #scheduled = false;
  #closed = false;

  constructor(definition: LogDefinition, sink: FeatureLogSink, options: LogWriterOptions) {
    this.#definition = definition;
    this.#sink = sink;
    this.#options = options;
  }

  /** Takes the rows there is room for; the others are counted. */
  add(count: number, rowAt: (row: number) => ServedRow): void {
    const { maxRows, maxTextLength, flushMs } = this.#options;
    const room = this.#closed ? 0 : Math.min(count, maxRows - this.#rows.length - this.#leaving);
    let taken = 0;
    for (; taken < room && this.#textLength < maxTextLength; taken++) {
      const row = rowAt(taken);
      this.#textLength += textLength(row);
      this.#rows.push(row);
    }
    this.#dropped += count - taken;
    if (this.#isFull() || taken < count) this.#schedule();
    else if (taken > 0) this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref();
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#turn = this.#turn.then(() => this.#drain(this.#rows.length));
    return this.#turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
  }

  counts(): Omit<FeatureLogCounts, "notSampled"> {
    const waiting = this.#rows.length + this.#leaving;
    return { logged: this.#logged, waiting, dropped: this.#dropped, failed: this.#failed };
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#turn = this.#turn.then(async () => {
      await this.#drain(this.#rows.length);
      this.#scheduled = false;
      if (this.#isFull()) this.#schedule();
    });
  }

  #isFull(): boolean {
    return this.#rows.length >= Math.min(this.#options.batchRows, this.#options.maxRows);
  }

  /** Appends so many rows, batch after batch. Never rejects. */
  async #drain(due: number): Promise<void> {
    let left = due;
    while (left > 0) {
      const rows = this.#rows.slice(0, Math.min(left, this.#options.batchRows));
      this.#rows = this.#rows.slice(rows.length);
      left -= rows.length;
      this.#leaving = rows.length;
      const done = await this.#append(rows);
      this.#leaving = 0;
      for (const row of rows) this.#textLength -= textLength(row);
      if (done) this.#logged += rows.length;
      else this.#failed += rows.length;
    }
  }

  async #append(rows: readonly ServedRow[]): Promise<boolean> {
    const { tries, appendMs, appId, logger } = this.#options;
    const version = ++this.#version;
    for (let attempt = 1; ; attempt++) {
      try {
        const batch = await servedBatch(this.#definition, rows);
        const signal = AbortSignal.timeout(appendMs);
        await withinSignal(this.#sink.append(batch, { transaction: { appId, version }, signal }), signal);
        return true;
      } catch (error) {
        if (attempt >= tries) {
          logger.error({ error, rows: rows.length, attempt }, "served rows were given up: the sink of the log fails");
          return false;
        }
        logger.warn({ error, rows: rows.length, attempt }, "served rows could not be appended, and are tried again");
        await sleep(Math.random() * Math.min(10_000, 50 * 2 ** attempt));
      }
    }
  }
}

/** Who reads says how long keys and inputs are. */
const textLength = ({ given }: ServedRow): number =>
  given.reduce<number>((sum, value) => (typeof value === "string" ? sum + value.length : sum), 0);

/** Rejects with the reason of the signal, where the work does not heed it. */
async function withinSignal(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason as Error);
  // The timer of AbortSignal.timeout does not keep a process up that has nothing else to do.
  const awake = setInterval(() => undefined, 60_000);
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([work, promise]);
  } finally {
    clearInterval(awake);
    signal.removeEventListener("abort", stop);
  }
}
