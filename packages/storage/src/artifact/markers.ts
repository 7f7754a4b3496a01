import { isAshlarError, type ObjectInfo } from "@ashlar/core";
import { storageError } from "../errors.ts";
import type { ContentsContext } from "./contents.ts";
import type { Digest } from "./digest.ts";
import { annexesOf, condemnedAt, homeOf, type Kind, leasesOf, type Subject, subjectOf } from "./places.ts";

const nothing = new Uint8Array(0);

/** Content that a collector may delete, for as long as it holds the marker. */
export interface Deletable {
  readonly subject: Subject;
  readonly condemnedSince: number;
  /** Where the content is; nowhere, when somebody leased it, or put it anew. */
  readonly locations: readonly ObjectInfo[];
}

/**
 * A collector's side of the protocol by which uploaders and collectors leave each other's content alone: the marker first, then
 * the look for leases. `architecture/artifacts.md` says why it holds in every order of calls.
 */
export class Markers {
  readonly #context: ContentsContext;
  readonly #graceMs: number;
  readonly #begun: number;
  readonly #call: { readonly signal?: AbortSignal };

  constructor(context: ContentsContext, run: { graceMs: number; begun: number; signal: AbortSignal | undefined }) {
    this.#context = context;
    this.#graceMs = run.graceMs;
    this.#begun = run.begun;
    this.#call = run.signal === undefined ? {} : { signal: run.signal };
  }

  /** Undefined when another collector holds it. */
  async take(subject: Subject): Promise<Deletable | undefined> {
    const condemnedSince = this.#context.clock.now();
    if (!(await this.#condemn(subject.kind, subject.digest))) return undefined;
    // First the marker, then a look for leases: whoever leased before is seen, whoever comes later sees the marker.
    return { subject, condemnedSince, locations: await this.deletable(subject.kind, subject.digest) };
  }

  /** Deletes content whose marker was taken, unless that was too long ago, and the marker. @returns false when it was */
  async delete({ subject: { kind, digest }, condemnedSince, locations }: Deletable): Promise<boolean> {
    for (const { key } of locations) {
      if (!this.#holds(condemnedSince)) return false;
      await this.#context.objects.delete(key, this.#call);
    }
    if (this.#holds(condemnedSince)) await this.#context.objects.delete(condemnedAt(kind, digest), this.#call);
    return true;
  }

  /** Put, or leased, so late that its root may have been missed: see `CollectOptions.grace`. */
  isYoung(lastModified: number): boolean {
    return lastModified > this.#begun - this.#graceMs;
  }

  /** Puts the marker, or takes over one whose owner can do nothing any more. */
  async #condemn(kind: Kind, digest: Digest): Promise<boolean> {
    const { clock, objects } = this.#context;
    const key = condemnedAt(kind, digest);
    const marker = await objects.head(key, this.#call);
    if (marker !== undefined && marker.lastModified > clock.now() - this.#graceMs) return false;
    const condition = marker === undefined ? { ifAbsent: true } : { ifMatch: marker.etag };
    try {
      await objects.put(key, nothing, { ...condition, ...this.#call });
      return true;
    } catch (error) {
      if (isAshlarError(error, "PRECONDITION_FAILED")) return false;
      throw error;
    }
  }

  /** A marker is its owner's for half a grace: what was begun by then is over when another may take it. */
  #holds(condemnedSince: number): boolean {
    return this.#context.clock.now() - condemnedSince < this.#context.graceMs / 2;
  }

  /** Nothing, when somebody leased the content, or put it anew. */
  async deletable(kind: Kind, digest: Digest): Promise<readonly ObjectInfo[]> {
    for await (const { lastModified } of this.#context.objects.list(leasesOf(kind, digest), this.#call)) {
      if (this.isYoung(lastModified)) return [];
    }
    const locations = await this.locations(kind, digest);
    this.assertInTime();
    return locations.some((info) => this.isYoung(info.lastModified)) ? [] : locations;
  }

  async locations(kind: Kind, digest: Digest): Promise<readonly ObjectInfo[]> {
    const { objects } = this.#context;
    const home = await objects.head(homeOf(kind, digest), this.#call);
    const locations = home === undefined ? [] : [home];
    for await (const info of objects.list(annexesOf(kind, digest), this.#call)) locations.push(info);
    return locations;
  }

  /** Leases are kept for two graces: a run that lasts longer than one could miss some that it needs. */
  assertInTime(): void {
    this.#call.signal?.throwIfAborted();
    if (this.#context.clock.now() - this.#begun < this.#context.graceMs) return;
    const problem = `the run has lasted longer than the grace of ${this.#context.graceMs} ms`;
    throw storageError("COLLECT_REFUSED", { problem, remedy: "What was deleted so far was rightly so. Run it again." });
  }

  /** Deletes leases that bind nobody any more, and markers of killed collectors whose content is in use, or gone. */
  async tidy(): Promise<void> {
    const { clock, objects } = this.#context;
    for await (const { key, lastModified } of objects.list("leases/", this.#call)) {
      if (lastModified < clock.now() - 2 * this.#graceMs) await objects.delete(key, this.#call);
    }
    for await (const { key, lastModified } of objects.list("condemned/", this.#call)) {
      const subject = subjectOf(key);
      if (subject === undefined || lastModified > clock.now() - this.#graceMs) continue;
      const condemnedSince = clock.now();
      if (!(await this.#condemn(subject.kind, subject.digest))) continue;
      if (this.#holds(condemnedSince)) await objects.delete(key, this.#call);
    }
  }
}
