import { describe, expect, it } from "vitest";
import type { LineageEvent, LineageSink } from "../lineage.ts";

export interface LineageSinkSuite {
  readonly create: () => LineageSink | Promise<LineageSink>;
  readonly read: (sink: LineageSink) => Promise<readonly LineageEvent[]>;
}

/** The contract of `LineageSink`. */
export function describeLineageSink(name: string, suite: LineageSinkSuite): void {
  describe(`${name}: lineage sink`, () => {
    it("keeps events in order, unchanged", async () => {
      const sink = await suite.create();
      const events = (["START", "COMPLETE"] as const).map((eventType): LineageEvent => ({
        eventType,
        eventTime: "2001-06-01T00:00:00.000Z",
        run: { runId: "0191d1f0-0000-7000-8000-000000000000" },
        job: { namespace: "flights", name: "train" },
        inputs: [{ namespace: "lake", name: "flights" }],
        outputs: [{ namespace: "registry", name: "delay" }],
        producer: "https://example.org/ashlar",
        schemaURL: "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
      }));
      for (const event of events) await sink.emit(event);
      expect(await suite.read(sink)).toEqual(events);
    });
  });
}
