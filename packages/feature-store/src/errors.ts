import { type ErrorFactory, errorFactory } from "@ashlar/core";
import { clientErrors } from "./client/errors.ts";

const storeErrors = {
  DURATION_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { value: unknown; of: string; rule: string }): string =>
      `The ${d.of} ${JSON.stringify(d.value)} is not allowed: ${d.rule}. Write a whole number and a unit, such as "500ms", "15m", "6h" or "7d".`,
  },
  DEFINITION_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { of: string; value: unknown; rule: string }): string =>
      `${d.of} cannot be defined with ${JSON.stringify(d.value)}: ${d.rule}. Correct the definition; nothing was changed.`,
  },
  VIEW_NAME_COLLISION: {
    status: 400,
    retryable: false,
    message: (d: { name: string }): string =>
      `Two views of this store are named "${d.name}", so "${d.name}:*" would mean both. Rename one of them.`,
  },
  FEATURE_UNKNOWN: {
    status: 400,
    retryable: false,
    message: (d: { feature: string; known: readonly string[] }): string =>
      `There is no feature ${JSON.stringify(d.feature)}; a feature is selected as "view:feature" or "view:*". This store has: ${d.known.join(", ")}.`,
  },
  SERVICE_PIN_MISMATCH: {
    status: 409,
    retryable: false,
    message: (d: { service: string; view: string; pinned: string; found: string | undefined }): string =>
      `The service "${d.service}" pins the view "${d.view}" at version ${d.pinned}, but ${d.found === undefined ? "uses no such view" : `was given version ${d.found}`}. Give it the pinned definition, or pin the new one and train again.`,
  },
  SERVICE_NAME_COLLISION: {
    status: 400,
    retryable: false,
    message: (d: { name: string }): string =>
      `Two services are named "${d.name}", so the registry could keep only one. Rename one of them.`,
  },
  DEFINITION_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { kind: string; name: string; version: string | undefined }): string =>
      `The registry has no ${d.kind} "${d.name}"${d.version === undefined ? " in force" : ` of version ${d.version}`}. Look for it with search() or versions(), or apply its definition.`,
  },
  REGISTRY_CONFLICT: {
    status: 409,
    retryable: false,
    message: (d: { expected: number; found: number }): string =>
      `The plan was made for revision ${d.expected}, but the registry is at revision ${d.found}. Nothing was changed: plan again, look at what differs now, and apply that.`,
  },
  ACCESS_DENIED: {
    status: 403,
    retryable: false,
    message: (d: { principal: string; action: string; resource: string; reason: string }): string =>
      `${d.principal} may not do ${d.action} on ${d.resource}: ${d.reason} Nothing was changed. Ask for the permission, or leave that definition out of the plan.`,
  },
  PLAN_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { digest: string; reason: string }): string =>
      `The plan ${d.digest} was altered after it was made: ${d.reason}. Nothing was changed: plan again.`,
  },
  TIE_FOUND: {
    status: 409,
    retryable: false,
    message: (d: { view: string; key: string; event: string; known: string | undefined }): string =>
      `Two rows of the key ${d.key} in "${d.view}" have one event time, ${d.event}${d.known === undefined ? "" : `, and one known time, ${d.known}`}, so only the order of ingestion tells them apart. Drop one of them, give the view a knownAt that differs, or allow it with onTie: "last".`,
  },
  REPLAY_MISMATCH: {
    status: 409,
    retryable: false,
    message: (d: { digest: string; changed: readonly string[] }): string =>
      `The training set ${d.digest} cannot be made again, for this changed: ${d.changed.join("; ")}. Give the definitions, sources and labels that its manifest names.`,
  },
  SINK_ENDED_EARLY: {
    status: 500,
    retryable: false,
    message: (): string =>
      `The sink said that it had kept the training set before it had all of its batches. Read the batches to their end in "append", and throw when they cannot be kept.`,
  },
  COLUMN_MISSING: {
    status: 400,
    retryable: false,
    message: (d: { column: string; table: string; columns: readonly string[] }): string =>
      `The table "${d.table}" has no column "${d.column}"; it has ${d.columns.join(", ")}. Correct the definition or the table.`,
  },
  COLUMN_TYPE_MISMATCH: {
    status: 400,
    retryable: false,
    message: (d: { column: string; table: string; found: string; wanted: string }): string =>
      `The column "${d.column}" of "${d.table}" holds ${d.found}, but ${d.wanted} is wanted. Cast it in the source, or declare its type in the definition.`,
  },
  TIMESTAMP_NAIVE: {
    status: 400,
    retryable: false,
    message: (d: { column: string; table: string }): string =>
      `The timestamps in "${d.column}" of "${d.table}" have no time zone, so their instant is unknown. State timezone: "UTC" if they are UTC, or convert them.`,
  },
  TIMESTAMP_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { column: string; table: string; row: number; rule: string }): string =>
      `Row ${d.row} of "${d.table}" has a time in "${d.column}" that cannot be used: ${d.rule}. Correct or drop the row.`,
  },
  LABEL_TIME_NULL: {
    status: 400,
    retryable: false,
    message: (d: { column: string; row: number }): string =>
      `Row ${d.row} of the labels has no time in "${d.column}", so there is no moment to join at. Fill it in or drop the row.`,
  },
  VALUE_OUT_OF_RANGE: {
    status: 400,
    retryable: false,
    message: (d: { value: string; of: string; type: string }): string =>
      `The value ${d.value} of ${d.of} does not fit ${d.type} exactly. Declare a wider type, such as "int64" or "float64".`,
  },
  MATERIALIZE_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { view: string; value: unknown; rule: string }): string =>
      `"${d.view}" cannot be materialised to ${String(d.value)}: ${d.rule}. Give epoch milliseconds after the time reached.`,
  },
  BACKFILL_SUPERSEDED: {
    status: 409,
    retryable: false,
    message: (d: { view: string }): string =>
      `Another backfill of "${d.view}" began after this one and takes its place; what serves was not changed by this one. Wait for the other, or begin again to supersede it.`,
  },
  ENGINE_NOT_INSTALLED: {
    status: 500,
    retryable: false,
    message: (d: { package: string; range: string }): string =>
      `What was asked for needs the package ${d.package} (${d.range}), which cannot be loaded. Install it: npm install ${d.package}@${d.range}.`,
  },
  ONLINE_STORE_UNAVAILABLE: {
    status: 503,
    retryable: true,
    message: (d: { store: string; operation: string; reason: string }): string =>
      `${d.store} did not do a ${d.operation}: ${d.reason}. A part of it may have been done; doing it again does the rest. Try again, and see that the server can be reached.`,
  },
  ONLINE_STORE_REFUSED: {
    status: 502,
    retryable: false,
    message: (d: { store: string; operation: string; reason: string }): string =>
      `${d.store} refused a ${d.operation}: ${d.reason}. Another try would meet the same answer: correct its settings, its permissions or what is written.`,
  },
  PUSH_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { view: string; row: number | undefined; rule: string }): string =>
      `${d.row === undefined ? "No event can" : `Event ${d.row} cannot`} be pushed to "${d.view}": ${d.rule}. Correct it and push again; none of the events had an effect.`,
  },
  PUSH_CONFLICT: {
    status: 409,
    retryable: true,
    message: (d: { view: string; tries: number }): string =>
      `Others changed the same tiles of "${d.view}" ${d.tries} times in a row. Push again, in larger batches or from fewer processes for one entity; what was pushed already counts once.`,
  },
  TILE_FULL: {
    status: 409,
    retryable: false,
    message: (d: { view: string; bytes: number; most: number }): string =>
      `A tile of "${d.view}" would have ${d.bytes} bytes, over ${d.most}: too many events of one entity in so short a time. Define the view with a shorter tile, or give its windows a hop and a shorter allowedLateness, so that events are merged.`,
  },
  HISTORY_STALE: {
    status: 409,
    retryable: true,
    message: (d: { view: string; mergedAt: number; readAt: number }): string =>
      `Pushed events of "${d.view}" were merged at ${d.mergedAt}, after its source was read at ${d.readAt}, so that what was read may lack them. Nothing of their tile was changed: materialise again, which reads the source anew.`,
  },
  READ_TOO_OLD: {
    status: 400,
    retryable: false,
    message: (d: { view: string; at: number }): string =>
      `The windows of "${d.view}" cannot be read as of ${d.at}: later events took the place of those of that time, or were merged with them. Read as of a later moment, define the push source with a longer allowedLateness, or compute a training set, which has all history.`,
  },
  SEARCHES_BUSY: {
    status: 503,
    retryable: true,
    message: (d: { view: string; atOnce: number; waiting: number }): string =>
      `The search of "${d.view}" was not begun: ${d.atOnce} are under way and ${d.waiting} wait. Try again in a moment, or let more of them be with the option searches of the feature store.`,
  },
  VECTOR_CORRUPT: {
    status: 500,
    retryable: false,
    message: (d: { reason: string }): string =>
      `A stored feature vector cannot be read: ${d.reason}. Materialise the view again from its source.`,
  },
  REQUEST_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { rule: string }): string =>
      `The request cannot be answered: ${d.rule}. Correct it and send it again.`,
  },
  ROUTE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { method: string; path: string }): string =>
      `There is no ${d.method} ${d.path}. Use POST /read, POST /nearest, POST /get-online-features or GET /openapi.json.`,
  },
  NOT_ACCEPTABLE: {
    status: 406,
    retryable: false,
    message: (d: { accept: string; known: readonly string[] }): string =>
      `An answer cannot be of ${JSON.stringify(d.accept)}. Accept one of ${d.known.join(", ")}.`,
  },
  CLOSED: {
    status: 500,
    retryable: false,
    message: (d: { what: string }): string => `The ${d.what} was closed and cannot be used any more. Open a new one.`,
  },
} as const;

/** Everything this package throws on purpose. */
export const featureStoreErrors: typeof clientErrors & typeof storeErrors = { ...clientErrors, ...storeErrors };

/** @see featureStoreErrors */
export const featureStoreError: ErrorFactory<typeof featureStoreErrors> = errorFactory(
  "feature-store",
  featureStoreErrors,
);
