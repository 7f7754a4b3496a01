import { describe, expect, it } from "vitest";
import type { AuditEvent, AuditSink } from "../audit-sink.ts";

export interface AuditSinkSuite {
  readonly create: () => AuditSink | Promise<AuditSink>;
  /** Reads back what the sink holds, in order. */
  readonly read: (sink: AuditSink) => Promise<readonly AuditEvent[]>;
}

/** The contract of `AuditSink`. */
export function describeAuditSink(name: string, suite: AuditSinkSuite): void {
  describe(`${name}: audit sink`, () => {
    const event = (n: number): AuditEvent => ({
      principal: "User::ada",
      action: "Model::promote",
      resource: `Model::${n}`,
      outcome: "allowed",
      at: 1_000 + n,
      details: { n, note: "ünïcode\n" },
    });

    it("keeps events in the order of their index, unchanged", async () => {
      const sink = await suite.create();
      for (let n = 0; n < 5; n++) expect(await sink.append(event(n))).toEqual({ index: n });
      expect(await suite.read(sink)).toEqual([0, 1, 2, 3, 4].map(event));
    });

    it("gives a hundred concurrent writers a hundred indexes without gaps", async () => {
      const sink = await suite.create();
      const receipts = await Promise.all(Array.from({ length: 100 }, (_, n) => sink.append(event(n))));
      const events = await suite.read(sink);
      expect(receipts.map((receipt) => receipt.index).sort((a, b) => a - b)).toEqual(events.map((_, i) => i));
      receipts.forEach((receipt, n) => expect(events[receipt.index]).toEqual(event(n)));
    });
  });
}
