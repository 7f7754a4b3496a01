import { setImmediate } from "node:timers/promises";
import type { Action } from "./actions.ts";
import { type CheckpointSchema, type EncodedGroup, encodeGroup } from "./checkpoint-file.ts";

interface KnownGroup<File> extends EncodedGroup {
  readonly files: readonly File[];
}

/** The files of a table by what is known of them. */
export interface Split<File> {
  /** Groups of which every file is still there. */
  readonly kept: readonly KnownGroup<File>[];
  /** The files that are in none of them. */
  readonly fresh: readonly File[];
}

/**
 * Row groups of files that were encoded before. Groups of new files are small; they are merged as the digits of a counter
 * carry, so that there are few of them, and a file is encoded again about as often as their number has digits.
 */
export class FileGroups<File extends object> {
  readonly #toAction: (file: File) => Action;
  readonly #fullGroup: number;
  #groupOf: Map<File, KnownGroup<File>> = new Map();

  /** @param fullGroup rows of a group that is never merged into another */
  constructor(toAction: (file: File) => Action, fullGroup: number) {
    this.#toAction = toAction;
    this.#fullGroup = fullGroup;
  }

  /** Takes up groups that were encoded elsewhere, whose files come one after the other. */
  begin(groups: readonly EncodedGroup[], files: readonly File[]): void {
    let from = 0;
    for (const group of groups) {
      const known = { ...group, files: files.slice(from, (from += group.rows)) };
      for (const file of known.files) this.#groupOf.set(file, known);
    }
  }

  split(files: Iterable<File>): Split<File> {
    const found = new Map<KnownGroup<File> | undefined, File[]>();
    for (const file of files) {
      const group = this.#groupOf.get(file);
      const alike = found.get(group);
      if (alike === undefined) found.set(group, [file]);
      else alike.push(file);
    }
    const groups = [...found];
    return {
      kept: groups.flatMap(([group, alike]) => (group?.rows === alike.length ? [group] : [])),
      fresh: groups.filter(([group, alike]) => group?.rows !== alike.length).flatMap(([, alike]) => alike),
    };
  }

  actions({ fresh }: Split<File>): readonly Action[] {
    return fresh.map(this.#toAction);
  }

  /** All files in groups, of which only those that are not whole any more, or small, are encoded. Other work goes on between two of them. */
  async encode({ kept, fresh }: Split<File>, schema: CheckpointSchema): Promise<readonly EncodedGroup[]> {
    const fullGroup = this.#fullGroup;
    const whole = new Set(kept.filter((group) => group.schema === schema));
    const loose = [...fresh, ...kept.filter((group) => !whole.has(group)).flatMap(({ files }) => files)];
    const ascending = [...whole].filter(({ rows }) => rows < fullGroup).toSorted((a, b) => a.rows - b.rows);
    for (const group of ascending) {
      if (loose.length === 0 || loose.length >= fullGroup || group.rows > 2 * loose.length) break;
      for (const file of group.files) loose.push(file);
      whole.delete(group);
    }
    const made: KnownGroup<File>[] = [];
    for (const files of chunks(loose, fullGroup)) {
      if (made.length > 0) await setImmediate();
      made.push({ ...encodeGroup(files.map(this.#toAction), schema), files });
    }
    const groups = [...whole, ...made];
    this.#groupOf = this.#indexed(groups, whole);
    return groups;
  }

  #indexed(groups: readonly KnownGroup<File>[], known: ReadonlySet<KnownGroup<File>>): Map<File, KnownGroup<File>> {
    const index = this.#groupOf;
    for (const [file, group] of index) if (!known.has(group)) index.delete(file);
    for (const group of groups) if (!known.has(group)) for (const file of group.files) index.set(file, group);
    return index;
  }
}

function chunks<File>(files: readonly File[], size: number): (readonly File[])[] {
  const count = Math.ceil(files.length / size);
  return Array.from({ length: count }, (_, index) => files.slice(index * size, (index + 1) * size));
}
