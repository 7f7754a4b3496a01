import type { Trap } from "./trap.ts";
import { onlineTraps } from "./trap-online.ts";
import { rowTraps } from "./trap-rows.ts";
import { timeTraps } from "./trap-time.ts";

/** The traps of point-in-time joins that stores in use have fallen into, T1 to T25 with T12b. */
export const traps: readonly Trap[] = [...timeTraps, ...rowTraps, ...onlineTraps].sort(
  (a, b) => Number.parseInt(a.id.slice(1)) - Number.parseInt(b.id.slice(1)),
);
