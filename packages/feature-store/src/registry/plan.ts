import type { SqlExecutor } from "@ashlar/core";
import { contentHash } from "../define/content-hash.ts";
import type { FeatureService } from "../define/service.ts";
import { assertDistinctNames, type View } from "../define/selection.ts";
import { featureStoreError } from "../errors.ts";
import { type Backfill, backfill } from "./cost.ts";
import { definitionNode, walk } from "./lineage.ts";
import { type DefinitionRecord, isRecord, serviceRecord, versionOf, viewRecord } from "./version.ts";

/** Everything the registry is to hold: what it holds besides is removed. */
export interface Definitions {
  readonly views: readonly View[];
  readonly services?: readonly FeatureService[];
}

export interface PlannedChange {
  readonly kind: "view" | "service";
  readonly name: string;
  /** `"describe"`: only owner, description or tags. */
  readonly action: "add" | "change" | "describe" | "remove";
  readonly from: string | null;
  readonly to: string | null;
  readonly features: {
    readonly added: readonly string[];
    readonly changed: readonly string[];
    readonly removed: readonly string[];
  };
  /** Other options that say something else now: ttl, eventTime, source, pins, ... */
  readonly options: readonly string[];
  /** Of an added or changed view: what it takes to serve it. */
  readonly backfill: Backfill | null;
  /** Services, training sets and models that were made of the version before. */
  readonly affects: readonly string[];
}

/** What `apply` would do, as plain JSON that can be kept, shown and approved. */
export interface RegistryPlan {
  /** The revision it was made for: `apply` refuses it at any other. */
  readonly revision: number;
  readonly changes: readonly PlannedChange[];
  readonly definitions: readonly DefinitionRecord[];
  /** Versions that services pin and that are not the newest of their views. */
  readonly pinned: readonly DefinitionRecord[];
  /** Of the source rows and bytes that must be read again, each source once; null when none of them tells. */
  readonly cost: { readonly rows: number | null; readonly bytes: number | null };
  /** SHA-256 over all the rest. */
  readonly digest: string;
}

/** @throws VIEW_NAME_COLLISION, SERVICE_NAME_COLLISION */
export async function makePlan(
  database: SqlExecutor,
  { revision, active }: { readonly revision: number; readonly active: readonly DefinitionRecord[] },
  { views, services = [] }: Definitions,
  now: number,
): Promise<RegistryPlan> {
  assertDistinctNames(views);
  const twice = services.find(({ name }, i) => services.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined) throw featureStoreError("SERVICE_NAME_COLLISION", { name: twice.name });
  const definitions = [...views.map(viewRecord), ...services.map(serviceRecord)];
  const changes: PlannedChange[] = [];
  for (const difference of differences(active, definitions)) {
    const view = difference.kind === "view" ? views.find(({ name }) => name === difference.name) : undefined;
    changes.push(await described(database, difference, view, now));
  }
  const pinned = services.flatMap((service) =>
    service.views.filter(({ name, version }) => service.pins[name] === version).map(viewRecord),
  );
  const known = new Set(definitions.map(definitionNode));
  const older = pinned.filter((record) => {
    const node = definitionNode(record);
    return !known.has(node) && known.add(node);
  });
  const plan = { revision, changes, definitions, pinned: older, cost: total(changes, views) };
  return { ...plan, digest: contentHash(plan) };
}

/** @throws PLAN_INVALID when it is not what `plan` returned */
export function assertPlan(plan: RegistryPlan): void {
  if (!isPlan(plan)) throw altered({ digest: "" }, "it is no plan at all");
  const { digest, ...rest } = plan;
  const found = contentHash(rest);
  if (found !== digest) throw altered(plan, `its contents have the digest ${found}`);
  for (const record of [...plan.definitions, ...plan.pinned]) {
    const version = versionOf(record);
    if (version === undefined || version === record.version) continue;
    throw altered(plan, `the ${record.kind} "${record.name}" has the version ${version}, not ${record.version}`);
  }
}

/** A plan may come from a file. */
function isPlan(value: unknown): value is RegistryPlan {
  if (typeof value !== "object" || value === null) return false;
  const { revision, changes, definitions, pinned, digest } = value as Partial<RegistryPlan>;
  const records = [definitions, pinned].every((list) => Array.isArray(list) && list.every(isRecord));
  const told = Array.isArray(changes) && changes.every((each) => typeof each === "object" && each !== null);
  return records && told && Number.isSafeInteger(revision) && typeof digest === "string";
}

/** A plan names what it changes: who let it through must have been told the truth. @throws PLAN_INVALID */
export function assertTold(plan: RegistryPlan, active: readonly DefinitionRecord[]): void {
  const found = differences(active, plan.definitions).map(({ kind, name, action, before, after }) => {
    return { kind, name, action, from: before?.version ?? null, to: after?.version ?? null };
  });
  const told = plan.changes.map(({ kind, name, action, from, to }) => ({ kind, name, action, from, to }));
  if (contentHash(found) !== contentHash(told)) throw altered(plan, "its changes are not those its definitions make");
}

const altered = ({ digest }: Pick<RegistryPlan, "digest">, reason: string): Error =>
  featureStoreError("PLAN_INVALID", { digest, reason });

/** One definition that is not what it was. */
interface Difference extends Pick<PlannedChange, "kind" | "name" | "action"> {
  readonly before: DefinitionRecord | undefined;
  readonly after: DefinitionRecord | undefined;
}

/** Those of the definitions in their order, then what is to go. */
function differences(active: readonly DefinitionRecord[], definitions: readonly DefinitionRecord[]): Difference[] {
  const same = (a: DefinitionRecord, b: DefinitionRecord): boolean => a.kind === b.kind && a.name === b.name;
  const there = definitions.flatMap((after): Difference[] => {
    const before = active.find((each) => same(each, after));
    const action = actionOf(before, after);
    return action === undefined ? [] : [{ kind: after.kind, name: after.name, action, before, after }];
  });
  const gone = active.filter((before) => !definitions.some((each) => same(each, before)));
  return [
    ...there,
    ...gone.map((before): Difference => {
      return { kind: before.kind, name: before.name, action: "remove", before, after: undefined };
    }),
  ];
}

function actionOf(before: DefinitionRecord | undefined, after: DefinitionRecord): PlannedChange["action"] | undefined {
  if (before === undefined) return "add";
  if (before.version !== after.version) return "change";
  return contentHash(before.about) === contentHash(after.about) ? undefined : "describe";
}

async function described(
  database: SqlExecutor,
  { kind, name, action, before, after }: Difference,
  view: View | undefined,
  now: number,
): Promise<PlannedChange> {
  const reads = action === "add" || action === "change";
  return {
    kind,
    name,
    action,
    from: before?.version ?? null,
    to: after?.version ?? null,
    features: changedFeatures(before?.features ?? {}, after?.features ?? {}),
    options: action === "change" && before && after ? changedOptions(before, after) : [],
    backfill: reads && view !== undefined ? await backfill(view, now) : null,
    affects: action === "describe" || before === undefined ? [] : await affected(database, before),
  };
}

function changedFeatures(
  before: DefinitionRecord["features"],
  after: DefinitionRecord["features"],
): PlannedChange["features"] {
  const names = Object.keys(after);
  return {
    added: names.filter((name) => !Object.hasOwn(before, name)),
    changed: names.filter((name) => Object.hasOwn(before, name) && before[name] !== after[name]),
    removed: Object.keys(before).filter((name) => !Object.hasOwn(after, name)),
  };
}

function changedOptions(from: DefinitionRecord, to: DefinitionRecord): string[] {
  const before = options(from);
  const after = options(to);
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.filter((name) => contentHash(before[name]) !== contentHash(after[name])).sort();
}

/** All that a definition says besides its features. */
function options({ body, source, pins, entities }: DefinitionRecord): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries({ ...body, source, pins, entities }).filter(([name]) => name !== "features"),
  );
}

async function affected(database: SqlExecutor, record: DefinitionRecord): Promise<string[]> {
  const { nodes } = await walk(database, definitionNode(record), "downstream");
  return nodes.slice(1);
}

function total(changes: readonly PlannedChange[], views: readonly View[]): RegistryPlan["cost"] {
  const sources = new Map<string, Backfill>();
  for (const { name, backfill: needed } of changes) {
    const view = views.find((each) => each.name === name);
    if (needed !== null && view?.kind === "view") sources.set(view.source.name, needed);
  }
  const sum = (of: "rows" | "bytes"): number | null => {
    const told = [...sources.values()].map((each) => each[of]).filter((count) => count !== null);
    return told.length === 0 && sources.size > 0 ? null : told.reduce((all, count) => all + count, 0);
  };
  return { rows: sum("rows"), bytes: sum("bytes") };
}
