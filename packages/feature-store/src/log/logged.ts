import { randomUUID } from "node:crypto";
import type { View } from "../define/selection.ts";
import type { FindServed, Readings, ReadRequest } from "../serve/read.ts";
import type { FeatureLog } from "./feature-log.ts";

export interface LoggedRead {
  readonly logs: readonly FeatureLog[];
  readonly request: ReadRequest;
  readonly views: readonly View[];
  readonly find: FindServed;
}

/** Does a read, and tells logs of it and of the definitions that it was answered by; waits for those that want it. */
export async function logged<Result>(
  { logs, request, views, find }: LoggedRead,
  work: (find: FindServed) => Promise<{ readonly result: Result; readonly rows: () => readonly Readings[] }>,
): Promise<Result> {
  if (logs.length === 0) return (await work(find)).result;
  const others = new Map<View, View>();
  const { result, rows } = await work(async (view) => {
    const served = await find(view);
    if (served.view !== view) others.set(view, served.view);
    return served;
  });
  const by = others.size === 0 ? views : views.map((view) => others.get(view) ?? view);
  const { requestId = randomUUID(), at, entities, features } = request;
  for (const log of logs) log.record({ requestId, at, views: by, entities, features, rows });
  const kept = logs.filter(({ sync }) => sync === true);
  if (kept.length > 0) await Promise.all(kept.map((log) => log.flush()));
  return result;
}
