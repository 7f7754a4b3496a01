import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { arrow, createFeatureStore } from "@ashlar/feature-store";
import type { FeatureRegistry } from "@ashlar/feature-store/registry";
import { duckdb } from "@ashlar/storage/duckdb";
import { fileSystem } from "@ashlar/storage/file-system";
import { type LakeTable, openLake } from "@ashlar/storage/lake";
import { referenceError } from "../../errors.ts";
import { flightViews } from "../../flights/features.ts";
import { recentMonths } from "../../flights/recent.ts";
import { featureRegistry } from "../../wire/feature-registry.ts";
import { onlineStore } from "../../wire/online-store.ts";
import type { FlightStore } from "../../wire/platform.ts";
import { type DataDirectory, openDataDirectory } from "../data-directory.ts";

/** The features of the job over one data directory: its definitions, table, stores and registry. */
export interface FeatureWorkspace extends AsyncDisposable {
  readonly directory: DataDirectory;
  /** Definitions over the newest version of the table. */
  readonly views: ReturnType<typeof flightViews>;
  readonly registry: FeatureRegistry;
  readonly flights: LakeTable;
  /** What the job logged of what it served. */
  readonly served: LakeTable;
  /** Over all of history. */
  readonly offline: FlightStore;
  /** Over the months that features online can still depend on. */
  readonly online: FlightStore;
}

/**
 * Opens what the job has left in a data directory. Nothing is made but the registry of features, at its first use.
 *
 * @throws DATA_DIRECTORY_UNUSABLE where there is none; TABLE_NOT_FOUND of storage before the job has written its table
 */
export async function openFeatures(data: string): Promise<FeatureWorkspace> {
  const root = resolve(data);
  if (!existsSync(join(root, "ashlar.json"))) {
    throw referenceError("DATA_DIRECTORY_UNUSABLE", { path: root, reason: "it is none; the job makes it" });
  }
  const directory = openDataDirectory(root, { fresh: false });
  await using opening = new AsyncDisposableStack();
  const lake = opening.use(openLake({ objects: fileSystem({ root: directory.file("lake") }), codec: duckdb() }));
  const flights = await lake.table("flights");
  const table = flights.at((await flights.snapshot()).version);
  const views = flightViews(table);
  const registry = opening.use(featureRegistry(directory));
  const offline = opening.use(createFeatureStore({ views, offline: arrow() }));
  const online = opening.use(
    createFeatureStore({
      views: flightViews(recentMonths(table)),
      offline: arrow(),
      online: onlineStore(directory),
    }),
  );
  const served = await lake.table("feature_log");
  const stack = opening.move();
  return {
    directory,
    views,
    registry,
    flights,
    served,
    offline,
    online,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
