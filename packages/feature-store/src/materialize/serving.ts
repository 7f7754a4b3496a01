import type { Clock } from "@ashlar/core";
import type { FeatureView } from "../define/feature-view.ts";
import type { OnlineStore } from "../online/port.ts";
import { namespaceOfCopy, readRecord, type ServingRecord } from "./serving-record.ts";

/** What a view is read by: the definition that serves, and where its vectors are. */
export interface Served {
  readonly view: FeatureView;
  readonly namespace: string;
}

export interface Serving {
  /** Of a store's view, what serves under its name. */
  byName(view: FeatureView): Promise<Served>;
  /** Of a view that a service pins, that very version. */
  pinned(view: FeatureView): Promise<Served>;
  /** Where the version is written, asked of the store anew. */
  namespace(view: FeatureView): Promise<string>;
  /** Older definitions of a view, the newest first. */
  previous(view: FeatureView): readonly FeatureView[];
  /** Forgets what it knew of a view: it was changed here. */
  forget(view: FeatureView): void;
}

/** For how long what was read counts: a flip by another process is seen after it. */
export const servingKnownMs = 1000;

export const shortVersion = (view: FeatureView): string => view.version.slice(0, 16);

/** @param previous definitions that serve until a backfill of the view of their name */
export function createServing(online: OnlineStore, clock: Clock, previous: readonly FeatureView[]): Serving {
  const known = new Map<string, { readonly record: Promise<ServingRecord>; readonly at: number }>();

  function recordOf({ name }: FeatureView): Promise<ServingRecord> {
    const now = clock.monotonic();
    const kept = known.get(name);
    if (kept !== undefined && now - kept.at < servingKnownMs) return kept.record;
    const record = readRecord(online, name).then((stored) => stored.record);
    const entry = { record, at: now };
    known.set(name, entry);
    record.catch(() => known.get(name) === entry && known.delete(name));
    return record;
  }

  return {
    async byName(view) {
      const record = await recordOf(view);
      return placed(record, servingOf(record, view, previous));
    },
    pinned: async (view) => placed(await recordOf(view), view),
    namespace: async (view) => placed((await readRecord(online, view.name)).record, view).namespace,
    previous: ({ name }) => previous.filter((each) => each.name === name),
    forget: ({ name }) => void known.delete(name),
  };
}

function servingOf({ serving }: ServingRecord, view: FeatureView, previous: readonly FeatureView[]): FeatureView {
  // One of other keys could not be asked for by the keys of the view.
  const named = previous.filter((each) => each.name === view.name && sameKeys(each, view));
  // Before the first backfill it is the one that was there before.
  if (serving === null) return named[0] ?? view;
  if (serving === shortVersion(view)) return view;
  return named.find((each) => shortVersion(each) === serving) ?? view;
}

const sameKeys = (a: FeatureView, b: FeatureView): boolean =>
  a.keys.length === b.keys.length &&
  a.keys.every(({ name, type }, i) => b.keys[i]?.name === name && b.keys[i].type === type);

function placed({ generations }: ServingRecord, view: FeatureView): Served {
  const version = shortVersion(view);
  return { view, namespace: namespaceOfCopy(view.name, { version, generation: generations[version] ?? 0 }) };
}
