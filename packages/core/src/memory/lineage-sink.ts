import type { LineageEvent, LineageSink } from "../lineage.ts";

/** Keeps lineage events in an array. */
export interface MemoryLineageSink extends LineageSink {
  readonly events: readonly LineageEvent[];
}

export function memoryLineageSink(): MemoryLineageSink {
  const events: LineageEvent[] = [];
  return {
    events,
    async emit(event) {
      events.push(structuredClone(event));
    },
  };
}
