import fc from "fast-check";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { createEngine, type RunEvent, sqlite, type StepHandle, type StepRecord, workflow } from "../index.ts";

/** A step of a random graph: it adds up what it needs, after failing a number of times. */
interface Node {
  readonly needs: readonly number[];
  readonly failures: number;
  readonly budget: number;
  readonly turns: number;
}

const graph = fc
  .array(
    fc.record({ links: fc.nat(), failures: fc.constantFrom(0, 0, 0, 1, 2), budget: fc.nat(2), turns: fc.nat(3) }),
    {
      minLength: 1,
      maxLength: 9,
    },
  )
  .map((nodes) =>
    nodes.map(({ links, ...node }, index): Node => {
      const earlier = Array.from({ length: index }, (_, need) => need);
      return { ...node, needs: earlier.filter((need) => ((links >> need) & 1) === 1) };
    }),
  );

const valueOf = (nodes: readonly Node[], index: number): number =>
  (nodes[index]?.needs ?? []).reduce((sum, need) => sum + valueOf(nodes, need), 1);
const isDoomed = ({ failures, budget }: Node): boolean => failures > budget;

/** One at a time, steps run in the order of their definition, up to the first that uses its budget up. */
function oneAtATime(nodes: readonly Node[]): (readonly [string, number])[] {
  const stop = nodes.findIndex(isDoomed);
  return nodes.map((node, index) => {
    if (index === stop) return ["failed", node.budget + 1];
    return stop >= 0 && index > stop ? ["cancelled", 0] : ["succeeded", node.failures + 1];
  });
}

async function carryOut(
  nodes: readonly Node[],
  concurrency: number,
): Promise<{ result: unknown; state: string; steps: readonly StepRecord[]; events: readonly RunEvent[] }> {
  const calls = nodes.map(() => 0);
  const random = workflow("random", { input: {} }, (w) => {
    const handles: StepHandle<number>[] = [];
    for (const [index, { needs, failures, budget, turns }] of nodes.entries()) {
      const work = async ({ parts }: { parts: readonly number[] }): Promise<number> => {
        for (let left = turns; left > 0; left--) await turn();
        calls[index] = (calls[index] ?? 0) + 1;
        if ((calls[index] ?? 0) <= failures) throw new Error(`failure ${calls[index]}`);
        return parts.reduce((sum, part) => sum + part, 1);
      };
      const parts = needs.map((need) => handles[need] as StepHandle<number>);
      handles.push(w.step(`s${index}`, work, { parts }, { retry: { application: budget } }));
    }
    return { values: handles };
  });
  const history = sqlite({ path: ":memory:" });
  await using engine = await createEngine({ history, workflows: [random], concurrency, random: () => 0 });
  const run = await engine.start(random, {});
  const result = await run.result().catch((error: { code?: unknown }) => error.code);
  const { state } = await engine.run(run.id);
  return { result, state, steps: await engine.steps(run.id), events: await engine.events(run.id) };
}

it("random graphs end as an oracle says, start in order, commit each step once and keep to their budgets", async () => {
  await fc.assert(
    fc.asyncProperty(graph, fc.integer({ min: 1, max: 4 }), async (nodes, concurrency) => {
      const { result, state, steps, events } = await carryOut(nodes, concurrency);
      const doomed = nodes.some(isDoomed);
      expect(state).toBe(doomed ? "failed" : "succeeded");
      const values = nodes.map((_, index) => valueOf(nodes, index));
      expect(result).toEqual(doomed ? "RUN_FAILED" : { values });
      // Whatever runs beside a doomed step may end before it or be cancelled with it; all else is decided.
      const found = steps.map((step) => [step.state, step.attempts]);
      expect(found).toEqual(concurrency === 1 || !doomed ? oneAtATime(nodes) : found);

      const committed = new Set<string>();
      const started = new Map<string, number>();
      for (const { type, step = "" } of events) {
        // Nothing of a step happens after its commit.
        expect(committed).not.toContain(step);
        if (type === "step-succeeded") committed.add(step);
        if (type !== "step-started") continue;
        for (const need of nodes[Number(step.slice(1))]?.needs ?? []) expect(committed).toContain(`s${need}`);
        started.set(step, (started.get(step) ?? 0) + 1);
      }
      for (const [index, node] of nodes.entries()) {
        const record = steps[index] as StepRecord;
        expect(["succeeded", "failed", "cancelled"]).toContain(record.state);
        expect(record.attempts).toBe(started.get(record.name) ?? 0);
        expect(record.attempts).toBeLessThanOrEqual(node.budget + 1);
        expect(record.state === "succeeded").toBe(committed.has(record.name));
        expect(record.output).toBe(committed.has(record.name) ? values[index] : undefined);
        expect(record.failures).toBe(
          record.state === "failed" ? node.budget + 1 : Math.min(record.failures, node.failures),
        );
        expect(record.state === "failed" && !isDoomed(node)).toBe(false);
      }
    }),
    { numRuns: 60 },
  );
}, 30_000);
