import type { Materializer, MaterializeResult } from "./materializer.ts";

/** A materializer whose steps are taken one after the other, in the order they were asked for; one that fails holds up none. */
export function inTurn(
  step: (until: number, signal: AbortSignal | undefined) => Promise<MaterializeResult>,
): Materializer {
  let turn: Promise<unknown> = Promise.resolve();
  return {
    advance(until, options = {}) {
      const result = turn.then(() => step(until, options.signal));
      turn = result.catch(() => undefined);
      return result;
    },
  };
}
