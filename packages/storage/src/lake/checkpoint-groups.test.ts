import { createHash } from "node:crypto";
import { memoryObjectStore } from "@ashlar/core/memory";
import * as fc from "fast-check";
import { parquetMetadata } from "hyparquet";
import { expect, it } from "vitest";
import { encodeCheckpoint } from "../../test/encode-checkpoint.ts";
import type { Action } from "./actions.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { assemble, disassemble } from "./checkpoint-file.ts";
import { CheckpointGroups } from "./checkpoint-groups.ts";
import { creationActions } from "./creation.ts";
import { TableState } from "./state.ts";

const columns = [{ name: "n", type: "long", nullable: true, metadata: {} }] as const;
const file = (n: number): string => `part-${n}.parquet`;

function add(n: number, tagged = false): Action {
  const tags = tagged ? { tags: { at: String(n) } } : {};
  const stats = JSON.stringify({ numRecords: n });
  const facts = { size: n, modificationTime: n, dataChange: n % 2 === 0, stats };
  return { add: { path: file(n), partitionValues: {}, ...facts, ...tags } };
}

const remove = (n: number): Action => ({ remove: { path: file(n), deletionTimestamp: 5, dataChange: true } });
const commit = (state: TableState, actions: readonly Action[]): void =>
  state.apply(actions, state.version + 1, "entry");

function tableWith(groups: CheckpointGroups): TableState {
  const state = new TableState("t");
  state.checkpoints = groups;
  commit(state, creationActions({ columns, partitionBy: [] }, 0));
  return state;
}

/** What a reader makes of a checkpoint. */
async function readBack(body: Uint8Array): Promise<TableState> {
  const objects = memoryObjectStore();
  await objects.put("c.parquet", body);
  const files = { version: 7, keys: ["c.parquet"] };
  const noted = { version: 7, sizeInBytes: body.byteLength, sha256: createHash("sha256").update(body).digest("hex") };
  const state = new TableState("t");
  const checkpoint = await readCheckpoint(objects, files, noted);
  expect(checkpoint.proven).toBeDefined();
  state.restore(checkpoint, files);
  return state;
}

const unchanged = (files: Iterable<object>): unknown[] =>
  [...files]
    .map((one) => ({ ...one, dataChange: false }))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

it("gives the files of every state, whatever came, went, came again or was tagged between two of them", async () => {
  const step = fc.record({
    adds: fc.array(fc.nat({ max: 40 }), { maxLength: 12 }),
    removes: fc.array(fc.nat({ max: 40 }), { maxLength: 6 }),
    tagged: fc.boolean(),
    from: fc.constantFrom("here", "a copy of before", "its checkpoint"),
  });
  const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
    let state = tableWith(new CheckpointGroups(undefined, 8));
    let before = state.copy();
    for (const { adds, removes, tagged, from } of steps) {
      if (from === "a copy of before") state = before.copy();
      if (from === "its checkpoint") state = await readBack((await before.copy().checkpoints.encode(before)).body);
      before = state.copy();
      commit(
        state,
        [...new Set(adds)].map((n) => add(n, tagged)),
      );
      commit(state, [...new Set(removes)].map(remove));
      const { body, size } = await state.checkpoints.encode(state);
      const found = await readBack(body);
      // Read, and written again, it is the same to the last byte.
      const { schema, groups } = disassemble(body) ?? { schema: { rare: new Set<string>() }, groups: [] };
      expect(Buffer.compare(assemble(groups, schema), body)).toBe(0);
      expect(unchanged(found.files.values())).toEqual(unchanged(state.files.values()));
      expect(unchanged(found.tombstones.values())).toEqual(unchanged(state.tombstones.values()));
      expect(found.definition).toEqual(state.definition);
      expect(size).toBe(state.files.size + state.tombstones.size + 2);
    }
  });
  await fc.assert(property, { numRuns: 40 });
});

it("keeps the row groups of files that stayed, byte for byte, and few of them", async () => {
  const state = tableWith(new CheckpointGroups(undefined, 64));
  const groupsOf = (body: Uint8Array): number => parquetMetadata(body.slice().buffer).row_groups.length;
  commit(
    state,
    Array.from({ length: 640 }, (_, n) => add(n)),
  );
  const first = (await state.checkpoints.encode(state)).body;
  const head = 4 + Number(parquetMetadata(first.slice().buffer).row_groups[0]?.total_compressed_size);
  for (let n = 640; n < 740; n += 1) {
    commit(state, [add(n)]);
    const { body } = await state.checkpoints.encode(state);
    expect(Buffer.compare(body.subarray(head, head + 4000), first.subarray(head, head + 4000))).toBe(0);
    expect(groupsOf(body)).toBeLessThanOrEqual(1 + Math.ceil((n + 1) / 64) + 7);
  }
});

it("goes on with the row groups of a checkpoint that another process wrote", async () => {
  const state = tableWith(new CheckpointGroups(undefined, 64));
  commit(
    state,
    Array.from({ length: 200 }, (_, n) => add(n)),
  );
  commit(state, [remove(3), remove(150)]);
  const first = (await state.checkpoints.encode(state)).body;
  const other = await readBack(first);
  commit(other, [add(200), remove(199)]);
  const second = (await other.checkpoints.encode(other)).body;
  const before = new Set((disassemble(first)?.groups ?? []).map(({ bytes }) => Buffer.from(bytes).toString("hex")));
  const after = (disassemble(second)?.groups ?? []).map(({ bytes }) => Buffer.from(bytes).toString("hex"));
  expect(after.filter((bytes) => before.has(bytes)).length).toBeGreaterThanOrEqual(3);
  expect(unchanged((await readBack(second)).files.values())).toEqual(unchanged(other.files.values()));
  expect(disassemble(encodeCheckpoint([remove(1), add(2)].reverse()))).toBeUndefined();
});
