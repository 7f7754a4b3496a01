import type { Action } from "../src/lake/actions.ts";
import { assemble, encodeGroup, widenedSchema } from "../src/lake/checkpoint-file.ts";

/** A checkpoint of any actions, sound or not, in the order given. */
export function encodeCheckpoint(actions: readonly Action[]): Uint8Array {
  const schema = widenedSchema({ rare: new Set() }, actions);
  const first = actions.findIndex((action) => action.add !== undefined);
  const parts = first > 0 ? [actions.slice(0, first), actions.slice(first)] : [actions];
  const groups = parts.map((part) => encodeGroup(part, schema));
  return assemble(groups, schema);
}
