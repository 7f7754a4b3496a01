/**
 * Reads many sources as one, in their order, while the next ones are opened: each is asked for its first value as soon
 * as it is at most `ahead` places from its turn. What is left unread is ended.
 */
export async function* readAhead<Item, Read>(
  items: Iterable<Item>,
  ahead: number,
  read: (item: Item) => AsyncGenerator<Read>,
): AsyncGenerator<Read> {
  const source = items[Symbol.iterator]();
  const opened: { readonly values: AsyncGenerator<Read>; readonly first: Promise<IteratorResult<Read>> }[] = [];
  const fill = (): void => {
    while (opened.length <= ahead) {
      const next = source.next();
      if (next.done === true) return;
      const values = read(next.value);
      const first = values.next();
      // Whoever gets to this source sees the error; until then nobody listens.
      first.catch(() => undefined);
      opened.push({ values, first });
    }
  };
  try {
    for (fill(); opened.length > 0; opened.shift(), fill()) {
      const { values, first } = opened[0] as (typeof opened)[number];
      for (let next = await first; next.done !== true; next = await values.next()) yield next.value;
    }
  } finally {
    await Promise.allSettled(opened.map(({ values }) => values.return(undefined)));
  }
}
