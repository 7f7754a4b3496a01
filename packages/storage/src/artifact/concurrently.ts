/**
 * Does a piece of work for each item, at most `limit` at once, and waits for all that began. The first failure ends it.
 *
 * @returns the results, in the order of the items
 */
export async function concurrently<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let turn: Promise<unknown> = Promise.resolve();
  let taken = 0;
  let over = false;
  // Items are taken one at a time, as an iterator that is not asked twice at once expects.
  const take = (): Promise<{ readonly index: number; readonly item: Item } | undefined> => {
    const taking = turn.then(async () => {
      if (over) return undefined;
      const next = await source.next();
      if (next.done !== true) return { index: taken++, item: next.value };
      over = true;
      return undefined;
    });
    turn = taking.catch(() => undefined);
    return taking;
  };
  const worker = async (): Promise<void> => {
    try {
      for (let next = await take(); next !== undefined; next = await take()) {
        results[next.index] = await work(next.item);
      }
    } catch (error) {
      over = true;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: limit }, worker));
  const failed = ends.find((end) => end.status === "rejected");
  if (failed === undefined) return results;
  await source.return?.();
  throw failed.reason;
}
