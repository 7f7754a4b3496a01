import { isAshlarError, type ObjectStore } from "@ashlar/core";
import { retrying } from "@ashlar/storage/retrying";
import { expect, it } from "vitest";
import type { CuttingProxy, ExchangeCut } from "./s3/cutting-proxy.ts";

/** One bucket or container, as a client sees it behind the proxy that cuts connections, and as one sees it beside it. */
export interface DroppedStore {
  /** Whose client tries nothing again by itself. */
  readonly through: ObjectStore;
  readonly direct: ObjectStore;
  readonly proxy: CuttingProxy;
  /** A body of more than one part. */
  readonly large: Uint8Array;
}

const small = new TextEncoder().encode("a few bytes");
const others = ["l/1", "l/2", "l/3", "l/4", "l/5"];

type Act = (store: ObjectStore, body: Uint8Array) => Promise<unknown>;

const read = async (store: ObjectStore, key: string): Promise<Uint8Array> => (await store.get(key)).bytes();

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list("l/")) keys.push(key);
  return keys;
}

const puts: Readonly<Record<string, Act>> = {
  "a put": (store) => store.put("k", small),
  "a put where there is none": (store) => store.put("k", small, { ifAbsent: true }),
  "a put in parts": (store, body) => store.put("k", body),
  "a put in parts where there is none": (store, body) => store.put("k", body, { ifAbsent: true }),
};

/** Cut before anything of it is through, and in the middle. */
export const cuts: readonly Pick<ExchangeCut, "side" | "after">[] = [
  { side: "request", after: 0 },
  { side: "request", after: 2_000 },
  { side: "answer", after: 0 },
  { side: "answer", after: 60 },
];
/** Of bodies of many parts only the worst of them. */
const worst = cuts.filter(({ side, after }) => (side === "request") === after > 0);

/** Calls `work` with a cut at each exchange in turn, until an operation ends before it came to the cut. */
export async function atEveryExchange(
  proxy: CuttingProxy,
  work: (label: string) => Promise<void>,
  kinds: readonly Pick<ExchangeCut, "side" | "after">[] = cuts,
): Promise<number> {
  for (let exchange = 1; exchange < 40; exchange++) {
    const begun = proxy.cuts;
    for (const cut of kinds) {
      proxy.cutExchange({ ...cut, exchange });
      await work(`exchange ${exchange}, ${cut.side} after ${cut.after}`);
    }
    if (proxy.cuts === begun) return exchange - 1;
  }
  throw new Error("the operation has no end");
}

/** Cuts every exchange of every operation, one after the other: what is acknowledged is whole, what is not is absent or whole. */
export function describeDroppedConnections(create: () => Promise<DroppedStore>): void {
  const outcomeOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "done",
      (error: unknown) => (isAshlarError(error) ? error.code : `unnamed: ${String(error)}`),
    );

  it.each(Object.entries(puts))(
    "%s is whole or absent, and comes through when it is tried again",
    async (name, act) => {
      const { through, direct, proxy, large } = await create();
      const [body, kinds] = name.includes("in parts") ? [large, worst] : [small, cuts];
      const outcomes = new Set<string>();
      const exchanges = await atEveryExchange(
        proxy,
        async (label) => {
          const outcome = await outcomeOf(act(through, large));
          outcomes.add(outcome);
          const left = (await direct.head("k")) && (await read(direct, "k"));
          expect(left === undefined || Buffer.compare(left, body) === 0, label).toBe(true);
          expect(outcome !== "done" || left !== undefined, label).toBe(true);
          await direct.delete("k");
        },
        kinds,
      );
      expect([...outcomes].sort()).toEqual(["STORE_UNAVAILABLE", "done"]);
      expect(exchanges).toBeGreaterThanOrEqual(1);
      const patient = retrying(through, { baseDelayMs: 1 });
      await atEveryExchange(
        proxy,
        async (label) => {
          expect(await outcomeOf(act(patient, large)), label).toBe("done");
          expect(Buffer.compare(await read(direct, "k"), body), label).toBe(0);
          await direct.delete("k");
        },
        kinds,
      );
    },
    280_000,
  );

  it("reads, looks, lists and deletes are right or fail by name, and come through when they are tried again", async () => {
    const { through, direct, proxy, large } = await create();
    await direct.put("k", large);
    for (const key of others) await direct.put(key, small);
    const reads: Readonly<Record<string, (store: ObjectStore) => Promise<unknown>>> = {
      get: async (store) => Buffer.compare(await read(store, "k"), large),
      range: async (store) => {
        const range = { start: 1_000_000, end: 1_500_000 };
        return Buffer.compare(await (await store.get("k", { range })).bytes(), large.subarray(range.start, range.end));
      },
      head: async (store) => Number((await store.head("k"))?.size) - large.byteLength,
      list: async (store) => Number((await keysOf(store)).join() !== others.join()),
      delete: async (store) => (await store.delete("gone"), 0),
    };
    const patient = retrying(through, { baseDelayMs: 1 });
    for (const [name, act] of Object.entries(reads)) {
      await atEveryExchange(proxy, async (label) => {
        const outcome = await act(through).catch((error: unknown) =>
          isAshlarError(error) ? error.code : String(error),
        );
        expect([0, "STORE_UNAVAILABLE"], `${name}, ${label}`).toContain(outcome);
      });
      await atEveryExchange(proxy, async (label) => expect(await act(patient), `${name}, ${label}`).toBe(0));
    }
  }, 280_000);
}
