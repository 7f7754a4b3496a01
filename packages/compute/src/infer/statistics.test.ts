import fc from "fast-check";
import { expect, test } from "vitest";
import { StatisticsRecorder } from "./statistics.ts";

interface Event {
  readonly kind: "answered" | "batch" | "failed" | "refused" | "looked";
  readonly rows: number;
  readonly micros: number;
}

function count(recorder: StatisticsRecorder, { kind, rows, micros }: Event, at: number): void {
  if (kind === "answered") recorder.answered(rows, micros / 2, micros);
  else if (kind === "batch") recorder.batch(rows, micros, at);
  else if (kind === "looked") recorder.looked(rows % 2 === 0);
  else recorder[kind]();
}

test("what several processes have counted adds up to what one would have counted", () => {
  const event = fc.record({
    kind: fc.constantFrom("answered", "batch", "failed", "refused", "looked"),
    rows: fc.integer({ min: 1, max: 9 }),
    micros: fc.nat({ max: 5_000_000 }).map((half) => half * 2),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.nat({ max: 2 }))), (events) => {
      const alone = new StatisticsRecorder();
      const parts = [new StatisticsRecorder(), new StatisticsRecorder(), new StatisticsRecorder()];
      for (const [at, [each, process]] of events.entries()) {
        count(alone, each, at);
        count(parts[process] as StatisticsRecorder, each, at);
      }
      const sum = new StatisticsRecorder();
      for (const part of parts) sum.add(structuredClone(part.snapshot()));
      expect(sum.read(3)).toEqual(alone.read(3));
    }),
  );
});
