import { featureStoreError } from "../errors.ts";
import type { Moment, PartialResult } from "../partial/partial-result.ts";
import { bufferOf } from "./cells.ts";
import type { HopGroup } from "./hop-plan.ts";
import type { EventCell } from "./instant.ts";

/** The partial results of one hop, as they are kept: in each respect of its group the bytes of one. */
export interface KeptHop {
  readonly group: number;
  /** When the hop begins, epoch microseconds. */
  readonly start: number;
  readonly results: readonly Uint8Array[];
}

/**
 * Reads hops as {@link HopStates} wrote them: of each the group (1 byte), the number of the hop as a double, and of each
 * respect the length (4) and the bytes of its partial result.
 *
 * @throws VECTOR_CORRUPT
 */
export function* keptHops(groups: readonly HopGroup[], section: Uint8Array): Iterable<KeptHop> {
  const bytes = bufferOf(section);
  let at = 0;
  while (at < bytes.length) {
    const place = bytes[at] as number;
    const group = groups[place];
    if (group === undefined || at + 9 > bytes.length) throw corrupt();
    const start = bytes.readDoubleLE(at + 1) * group.hop;
    at += 9;
    const results = group.respects.map(() => {
      if (at + 4 > bytes.length) throw corrupt();
      const end = at + 4 + bytes.readUInt32LE(at);
      if (end > bytes.length) throw corrupt();
      const result = bytes.subarray(at + 4, end);
      at = end;
      return result;
    });
    yield { group: place, start, results };
  }
}

const corrupt = (): Error =>
  featureStoreError("VECTOR_CORRUPT", { reason: "the partial results of its hops end early" });

interface HopState {
  readonly group: number;
  readonly number: number;
  /** As they were kept, while nothing was added. */
  kept: readonly Uint8Array[];
  made: PartialResult[] | undefined;
}

/** The partial results of a tile, to which events are added. */
export class HopStates {
  readonly #groups: readonly HopGroup[];
  readonly #columns: readonly (readonly number[])[];
  readonly #states = new Map<string, HopState>();

  /** @param columns in the order of an event's cells */
  constructor(groups: readonly HopGroup[], columns: readonly string[], section: Uint8Array) {
    this.#groups = groups;
    this.#columns = groups.map(({ respects }) => respects.map(({ column }) => columns.indexOf(column ?? "")));
    for (const { group, start, results } of keptHops(groups, section)) {
      const number = start / (groups[group] as HopGroup).hop;
      this.#states.set(`${group} ${number}`, { group, number, kept: results, made: undefined });
    }
  }

  add(cells: readonly EventCell[], at: Moment): void {
    this.#groups.forEach(({ hop, respects }, group) => {
      const number = Math.floor(at.event / hop);
      const id = `${group} ${number}`;
      const state = this.#states.get(id) ?? { group, number, kept: [], made: undefined };
      this.#states.set(id, state);
      state.made ??= respects.map((respect, i) => {
        const result = respect.make();
        const kept = state.kept[i];
        if (kept !== undefined) result.merge(kept);
        return result;
      });
      const columns = this.#columns[group] as readonly number[];
      state.made.forEach((result, i) => result.add(cells[columns[i] as number] ?? null, at));
    });
  }

  toBytes(): Buffer {
    const parts: Uint8Array[] = [];
    const ordered = [...this.#states.values()].sort((a, b) => a.group - b.group || a.number - b.number);
    for (const { group, number, kept, made } of ordered) {
      const head = Buffer.alloc(9);
      head[0] = group;
      head.writeDoubleLE(number, 1);
      parts.push(head);
      for (const result of made?.map((each) => each.toBytes()) ?? kept) {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(result.length);
        parts.push(length, result);
      }
    }
    return Buffer.concat(parts);
  }
}
