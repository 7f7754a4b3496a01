import type { Predicate } from "../parquet/predicate.ts";
import type { Action } from "./actions.ts";
import { physicalName } from "./column-mapping.ts";
import { fileMatcher } from "./file-match.ts";
import { expectationsKey } from "./kept-expectations.ts";
import { decodedPath } from "./logical-file.ts";
import type { Definition } from "./state.ts";

/**
 * The exceptions of Delta's own conflict checker, without their suffix; and `logCleanedUp`: what was committed since the
 * table was read is no longer in the log, so that it cannot be checked.
 */
export type ConflictKind =
  | "protocolChanged"
  | "metadataChanged"
  | "concurrentAppend"
  | "concurrentDeleteRead"
  | "concurrentDeleteDelete"
  | "concurrentTransaction"
  | "concurrentDomain"
  | "logCleanedUp";

export interface Conflict {
  readonly kind: ConflictKind;
  readonly reason: string;
}

/**
 * What was read to decide on a commit: nothing of the table but its columns (a blind append), the whole definition, or
 * files by their paths, found with a predicate.
 */
export type ReadSet = "nothing" | "definition" | { readonly files: ReadonlySet<string>; readonly where: Predicate };

export interface Contender {
  readonly read: ReadSet;
  readonly actions: readonly Action[];
  readonly dataChange: boolean;
  readonly transaction?: { readonly appId: string };
}

/**
 * Why a commit cannot stand after a version that was committed since it read the table; undefined when it can.
 * The order and the rules are those of Delta's `ConflictChecker`. Under `WriteSerializable` (the default of a table)
 * blind appends may be ordered before a commit that did not see them; under `Serializable` they may not. A commit that
 * only rearranges files is checked against removed files alone.
 */
export function conflictOf(before: Definition, mine: Contender, winner: readonly Action[]): Conflict | undefined {
  return definitionConflict(before, mine, winner) ?? dataConflict(before, mine, winner) ?? otherConflict(mine, winner);
}

function definitionConflict(before: Definition, mine: Contender, winner: readonly Action[]): Conflict | undefined {
  const protocol = winner.some((action) => action.protocol !== undefined);
  if (protocol && (mine.read !== "nothing" || mine.actions.some((action) => action.protocol !== undefined))) {
    return { kind: "protocolChanged", reason: "it changed the protocol of the table" };
  }
  if (mine.read !== "nothing" && winner.some((action) => action.metaData !== undefined)) {
    return { kind: "metadataChanged", reason: "it changed the columns or properties of the table" };
  }
  return undefined;
}

/** What a blind append was written for must still be so; other properties may have changed. */
export function shapeConflict(before: Definition, after: Definition): Conflict | undefined {
  if (shapeOf(before) === shapeOf(after)) return undefined;
  const reason = "its columns, partitions or expectations are not those the rows were written for";
  return { kind: "metadataChanged", reason };
}

/** What rows are written for: columns, partitions, and what the table expects of them. */
export function shapeOf({
  columns,
  partitionBy,
  configuration = {},
}: Pick<Definition, "columns" | "partitionBy"> & Partial<Pick<Definition, "configuration">>): string {
  const shapes = columns.map((column) => [column.name, column.type, column.nullable, physicalName(column)]);
  return JSON.stringify([shapes, partitionBy, configuration[expectationsKey]]);
}

function dataConflict(before: Definition, mine: Contender, winner: readonly Action[]): Conflict | undefined {
  const removed = winner.flatMap(({ remove }) => (remove === undefined ? [] : [decodedPath(remove.path)]));
  if (typeof mine.read === "object") {
    const added = mine.dataChange ? unseenAppend(before, mine, mine.read.where, winner) : undefined;
    if (added !== undefined) {
      return {
        kind: "concurrentAppend",
        reason: `it added the file "${added}", which may hold rows that were read for`,
      };
    }
    const read = new Set(Array.from(mine.read.files, decodedPath));
    const gone = removed.find((path) => read.has(path));
    if (gone !== undefined) {
      return { kind: "concurrentDeleteRead", reason: `it removed or changed the file "${gone}", which was read` };
    }
  }
  const mineRemoved = new Set(mine.actions.flatMap(({ remove }) => (remove ? [decodedPath(remove.path)] : [])));
  const twice = removed.find((path) => mineRemoved.has(path));
  if (twice === undefined) return undefined;
  return { kind: "concurrentDeleteDelete", reason: `it removed the file "${twice}" too` };
}

function unseenAppend(
  before: Definition,
  mine: Contender,
  where: Predicate,
  winner: readonly Action[],
): string | undefined {
  const blind = winner.some((action) => action.commitInfo?.["isBlindAppend"] === true);
  const ownMetadata = mine.actions.some((action) => action.metaData !== undefined);
  if (blind && !ownMetadata && before.configuration["delta.isolationLevel"] !== "Serializable") return undefined;
  const matches = fileMatcher(before, where);
  return winner.find(({ add }) => add !== undefined && matches(add))?.add?.path;
}

function otherConflict(mine: Contender, winner: readonly Action[]): Conflict | undefined {
  const appId = mine.transaction?.appId;
  if (appId !== undefined && winner.some((action) => action.txn?.appId === appId)) {
    return { kind: "concurrentTransaction", reason: `it committed a transaction of the application "${appId}" too` };
  }
  const domains = new Set(mine.actions.flatMap(({ domainMetadata }) => domainMetadata?.domain ?? []));
  const domain = winner.find(({ domainMetadata }) => domainMetadata && domains.has(domainMetadata.domain));
  if (domain === undefined) return undefined;
  return { kind: "concurrentDomain", reason: `it changed the domain "${domain.domainMetadata?.domain}" too` };
}
