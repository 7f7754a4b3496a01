import type { ModelSnapshot } from "../infer/figures.ts";
import type { ModelInfo } from "../infer/server.ts";
import { StatisticsRecorder } from "../infer/statistics.ts";

/** What processes that died had counted, so that counters do not go back. */
export class LeftFigures {
  readonly #left: Map<string, { readonly of: ModelSnapshot; readonly recorder: StatisticsRecorder }> = new Map();

  add(snapshots: readonly ModelSnapshot[]): void {
    for (const snapshot of snapshots) {
      const left = this.#left.get(keyOf(snapshot)) ?? { of: snapshot, recorder: new StatisticsRecorder() };
      left.recorder.add(snapshot.statistics);
      this.#left.set(keyOf(snapshot), left);
    }
  }

  /** Versions that are no longer served begin anew if they come back. */
  keep(served: readonly ModelInfo[]): void {
    const keys = new Set(served.map(keyOf));
    for (const key of this.#left.keys()) if (!keys.has(key)) this.#left.delete(key);
  }

  get snapshots(): readonly ModelSnapshot[] {
    return [...this.#left.values()].map(({ of: { name, version }, recorder }) => {
      return { name, version, liveInstances: 0, statistics: { ...recorder.snapshot(), queued: 0 } };
    });
  }
}

function keyOf({ name, version }: { readonly name: string; readonly version: string }): string {
  return `${name}/${version}`;
}
