import { memoryObjectStore } from "@ashlar/core/memory";
import type { ObjectInfo, ObjectStore } from "@ashlar/core";

/** Who waits for which call, in the order in which they came. */
export interface Waiting {
  readonly actor: string;
  readonly call: string;
}

/**
 * Which of the waiting calls takes effect next. With `kill` its process dies of it: before it has an effect, after, while
 * it is under way, so that it has its effect at any later time, or of one that was sent twice and has it twice.
 */
export interface Step {
  readonly next: number;
  readonly kill?: Kill;
}

export type Kill = "before" | "after" | "under way" | "sent twice";

interface Pending extends Waiting {
  readonly run: () => Promise<void>;
}

/**
 * One object store and many processes, whose calls take effect one at a time in an order that is chosen from outside:
 * so that every order can be tried. Time stands still unless it is moved.
 */
export class World {
  now = 1_000_000_000;
  readonly trace: string[] = [];
  readonly #objects: ObjectStore = memoryObjectStore();
  readonly #times: Map<string, number> = new Map();
  readonly #dead: Set<string> = new Set();
  #pending: Pending[] = [];
  #free = false;

  readonly clock = {
    now: (): number => this.now,
    monotonic: (): number => this.now,
    sleep: async (): Promise<void> => undefined,
  };

  /** Anything else that a process does in one step, seen by all. */
  step<Result>(actor: string, what: string, work: () => Result): Promise<Result> {
    return this.#call(actor, what, async () => work());
  }

  /** The store as one process sees it. */
  storeOf(actor: string): ObjectStore {
    const call = <Result>(what: string, work: () => Promise<Result>): Promise<Result> => this.#call(actor, what, work);
    const objects = this.#objects;
    const stamped = (info: ObjectInfo): ObjectInfo => ({ ...info, lastModified: this.#times.get(info.key) ?? 0 });
    return {
      capabilities: objects.capabilities,
      get: (key, options) => call(`get ${key}`, () => objects.get(key, options)),
      put: (key, body, options) =>
        call(`put ${key}`, async () => {
          const info = await objects.put(key, body, options);
          this.#times.set(key, this.now);
          return stamped(info);
        }),
      head: (key) =>
        call(`head ${key}`, async () => {
          const info = await objects.head(key);
          return info === undefined ? undefined : stamped(info);
        }),
      delete: (key) => call(`delete ${key}`, () => objects.delete(key)),
      list: (prefix) => {
        const listing = call(`list ${prefix}`, async () => {
          const found: ObjectInfo[] = [];
          for await (const info of objects.list(prefix)) found.push(stamped(info));
          return found;
        });
        async function* infos(): AsyncGenerator<ObjectInfo> {
          yield* await listing;
        }
        return infos();
      },
    };
  }

  #call<Result>(actor: string, call: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#free) return work();
    return new Promise<Result>((resolve, reject) => {
      if (this.#dead.has(actor)) return;
      // A process that died meanwhile is never answered.
      const run = async (): Promise<void> => {
        const [result] = await Promise.allSettled([work()]);
        if (this.#dead.has(actor)) return;
        if (result.status === "fulfilled") resolve(result.value);
        else reject(result.reason as Error);
      };
      this.#pending.push({ actor, call, run });
    });
  }

  /** Lets calls take effect until nobody waits, or no call is chosen. */
  async run(choose: (waiting: readonly Waiting[]) => Step | undefined): Promise<void> {
    for (let steps = 0; steps < 2000; steps++) {
      await settled();
      if (this.#pending.length === 0) return;
      const step = choose(this.#pending);
      if (step === undefined) return;
      const { next, kill } = step;
      const [chosen] = this.#pending.splice(next, 1) as [Pending];
      this.trace.push(`${chosen.actor}: ${kill === undefined ? "" : `killed ${kill} `}${chosen.call}`);
      if (kill !== undefined) {
        this.#dead.add(chosen.actor);
        this.#pending = this.#pending.filter(({ actor }) => actor !== chosen.actor);
      }
      if (kill === undefined || kill === "after" || kill === "sent twice") await chosen.run();
      if (kill === "under way" || kill === "sent twice") this.#pending.push(chosen);
    }
    throw new Error("the processes do not come to an end");
  }

  /** Whether a process has died. */
  died(actor: string): boolean {
    return this.#dead.has(actor);
  }

  /** From here on calls take effect at once. */
  free(): void {
    this.#free = true;
  }
}

/** Until every process has gone on as far as it can without its call. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Runs `attempt` with every sequence of choices there is. A choice is made between `options`, from 0. */
export async function everyOrder(attempt: (choose: (options: number) => number) => Promise<void>): Promise<number> {
  const path: { chosen: number; options: number }[] = [];
  for (let runs = 1; ; runs++) {
    let depth = 0;
    await attempt((options) => {
      path[depth] ??= { chosen: 0, options };
      return path[depth++]?.chosen ?? 0;
    });
    while (path.length > 0 && (path.at(-1)?.chosen ?? 0) + 1 >= (path.at(-1)?.options ?? 0)) path.pop();
    const last = path.at(-1);
    if (last === undefined) return runs;
    last.chosen += 1;
  }
}

/** The next call of whoever runs, until another is chosen to, at most `switches` times. */
export function fewSwitches(
  choose: (options: number) => number,
  switches: number,
): (waiting: readonly Waiting[]) => number {
  let left = switches;
  let running: string | undefined;
  return (waiting) => {
    const same = waiting.findIndex(({ actor }) => actor === running);
    const other = waiting.findIndex(({ actor }) => actor !== running);
    const isSwitch = same < 0 || (other >= 0 && left > 0 && choose(2) === 1);
    const next = isSwitch ? other : same;
    if (isSwitch && same >= 0) left -= 1;
    running = waiting[next]?.actor;
    return next;
  };
}
