/** Waits for all before it fails, so that nothing is under way when the caller hears of it. */
export async function settled(work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === "rejected") throw result.reason as Error;
}

/** Does `work` for each item, at most `lanes` at a time; after a failure none is begun, and those under way are awaited. */
export async function inLanes<Item>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item, i: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  async function lane(): Promise<void> {
    while (next < items.length && !failed) {
      const i = next++;
      try {
        await work(items[i] as Item, i);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  await settled(Array.from({ length: Math.min(lanes, items.length) }, lane));
}
