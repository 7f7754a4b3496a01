import type { TableSource } from "../source/table-source.ts";

/** What is made of a source once and given to many joins. */
export interface Keepable {
  readonly bytes: number;
  /** Called for each join that is given it, before it can be retired. The join calls `release` when it is done. */
  hold?(): void;
  release?(): Promise<void>;
  /** No later join will be given it. */
  retire?(): void;
}

/** How a timeline is made, and how it is made of an earlier one and the rows that were appended since. */
export interface TimelineMaker<Made> {
  build(): Promise<Made>;
  /** Undefined when it has to be built anew. */
  extend(earlier: Made, fingerprint: string): Promise<Made | undefined>;
}

interface Entry<Made> {
  readonly fingerprint: string;
  readonly made: Made;
}

/**
 * Timelines of sources that have a fingerprint, kept for as long as it stays: later joins do not read the source again. The
 * ones that were used longest ago go first when all together are more than `mostBytes`.
 */
export class KeptTimelines<Made extends Keepable> {
  readonly #mostBytes: number;
  /** In order of use. */
  readonly #entries = new Map<string, Entry<Made>>();
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #sources = new WeakMap<TableSource, number>();
  #named = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** True when what is made of this source is kept. */
  keeps(source: TableSource): boolean {
    return this.#mostBytes > 0 && source.fingerprint !== undefined;
  }

  /** @param what names, in JSON, what is made of the source */
  async get(source: TableSource, what: unknown, maker: TimelineMaker<Made>): Promise<Made> {
    const fingerprint = this.keeps(source) ? await source.fingerprint?.() : undefined;
    if (fingerprint === undefined) return given(await maker.build());
    const id = this.#idOf(source, what);
    // Two joins at once do not both make what one can.
    const before = this.#turns.get(id) ?? Promise.resolve();
    const turn = before.then(() => this.#upToDate(id, source, fingerprint, maker));
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(id, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(id) === settled) this.#turns.delete(id);
    }
  }

  /** Keeps nothing of what was made so far. */
  clear(): void {
    for (const id of this.#entries.keys()) this.#forget(id);
  }

  async #upToDate(id: string, source: TableSource, fingerprint: string, maker: TimelineMaker<Made>): Promise<Made> {
    const kept = this.#entries.get(id);
    if (kept?.fingerprint === fingerprint) return this.#keep(id, kept);
    const extended = kept === undefined ? undefined : await this.#extended(kept, maker);
    const made = extended ?? (await maker.build());
    // A commit in between: what was read is of neither fingerprint for certain.
    if ((await source.fingerprint?.()) !== fingerprint) {
      this.#forget(id);
      if (extended === undefined) return given(made);
      extended.retire?.();
      return given(await maker.build());
    }
    return this.#keep(id, { fingerprint, made });
  }

  async #extended({ made, fingerprint }: Entry<Made>, maker: TimelineMaker<Made>): Promise<Made | undefined> {
    // It may have to make room for another meanwhile.
    made.hold?.();
    try {
      return await maker.extend(made, fingerprint);
    } finally {
      await made.release?.();
    }
  }

  #keep(id: string, entry: Entry<Made>): Made {
    entry.made.hold?.();
    if (this.#entries.get(id)?.made !== entry.made) this.#forget(id);
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    let bytes = 0;
    for (const { made } of this.#entries.values()) bytes += made.bytes;
    for (const [oldest, { made }] of this.#entries) {
      if (bytes <= this.#mostBytes) break;
      bytes -= made.bytes;
      this.#forget(oldest);
    }
    return entry.made;
  }

  #forget(id: string): void {
    this.#entries.get(id)?.made.retire?.();
    this.#entries.delete(id);
  }

  #idOf(source: TableSource, what: unknown): string {
    let number = this.#sources.get(source);
    if (number === undefined) this.#sources.set(source, (number = this.#named++));
    return JSON.stringify([number, what]);
  }
}

/** For one join only. */
function given<Made extends Keepable>(made: Made): Made {
  made.hold?.();
  made.retire?.();
  return made;
}
