import fc from "fast-check";
import type { Kill, World } from "./explorer.ts";

/** Who is next at each call and how much time goes by, over and over; and the call of which somebody dies, if there are so many. */
export interface RandomOrder {
  readonly choices: readonly { readonly next: number; readonly minutes: number }[];
  readonly death: { readonly at: number; readonly kill: Kill };
}

export function randomOrder(options: { readonly deathBefore: number }): fc.Arbitrary<RandomOrder> {
  return fc.record({
    choices: fc.array(fc.record({ next: fc.nat(6), minutes: fc.nat(10) }), { minLength: 40, maxLength: 80 }),
    death: fc.record({
      at: fc.nat(options.deathBefore),
      kill: fc.constantFrom<Kill>("before", "after", "under way", "sent twice"),
    }),
  });
}

/** Ages of what is stored, in graces, around those at which something is decided. */
export const ages: fc.Arbitrary<number> = fc.constantFrom(0.3, 0.49, 0.51, 0.99, 1.001, 1.4, 2, 3);

/**
 * Lets named processes run in an order to their end, but for the one that is killed.
 *
 * @param options.minuteMs what a minute of the order lasts: a run takes less than half a grace, that much is asked of the machines
 */
export async function runInOrder(
  world: World,
  { choices, death }: RandomOrder,
  options: { readonly minuteMs: number; readonly processes: Readonly<Record<string, Promise<void>>> },
): Promise<void> {
  let steps = 0;
  await world.run((waiting) => {
    const { next, minutes } = choices[steps % choices.length] ?? { next: 0, minutes: 0 };
    world.now += minutes * options.minuteMs;
    const chosen = { next: next % waiting.length };
    return steps++ === death.at ? { ...chosen, kill: death.kill } : chosen;
  });
  await Promise.all(
    Object.entries(options.processes).map(([name, process]) => (world.died(name) ? undefined : process)),
  );
}
