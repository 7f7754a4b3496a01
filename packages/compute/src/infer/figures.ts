import type { ModelEntry } from "./model-entry.ts";
import { type ModelStatistics, StatisticsRecorder, type StatisticsSnapshot } from "./statistics.ts";

/** What one version of a model has done, here or in all processes of a cluster. */
export interface ModelFigures {
  readonly name: string;
  readonly version: string;
  readonly liveInstances: number;
  readonly statistics: ModelStatistics;
}

/** What one version has counted in one process. */
export interface ModelSnapshot extends Omit<ModelFigures, "statistics"> {
  readonly statistics: StatisticsSnapshot & { readonly queued: number };
}

/** Of every version. */
export function figuresOf(entries: Iterable<ModelEntry>): ModelFigures[] {
  return eachVersion(entries, (recorder, queued) => recorder.read(queued));
}

/** The same as plain data that can be added up. */
export function snapshotsOf(entries: Iterable<ModelEntry>): ModelSnapshot[] {
  return eachVersion(entries, (recorder, queued) => ({ ...recorder.snapshot(), queued }));
}

function eachVersion<Statistics>(
  entries: Iterable<ModelEntry>,
  read: (recorder: StatisticsRecorder, queued: number) => Statistics,
): (Omit<ModelFigures, "statistics"> & { readonly statistics: Statistics })[] {
  return [...entries].flatMap((entry) =>
    [...entry.versions.values()].map(({ name, version, liveInstances, queued }) => {
      return { name, version, liveInstances, statistics: read(entry.statisticsOf(version), queued) };
    }),
  );
}

/** What every version has done in all processes, of what each has counted. */
export function addUp(snapshots: readonly ModelSnapshot[]): ModelFigures[] {
  const versions = Map.groupBy(snapshots, ({ name, version }) => `${name}/${version}`);
  return [...versions.values()].map((parts) => {
    const { name, version } = parts[0] as ModelSnapshot;
    const recorder = new StatisticsRecorder();
    for (const part of parts) recorder.add(part.statistics);
    const sum = (value: (part: ModelSnapshot) => number): number =>
      parts.reduce((total, part) => total + value(part), 0);
    const liveInstances = sum((part) => part.liveInstances);
    return { name, version, liveInstances, statistics: recorder.read(sum((part) => part.statistics.queued)) };
  });
}
