/**
 * The items of a generator, of which the next is made while the reader is busy with the one it got: once it has had the time to
 * begin its own work, such as a write. Nothing is made before the first is asked for.
 */
export async function* oneAhead<Item>(items: AsyncGenerator<Item>): AsyncGenerator<Item> {
  let coming = items.next();
  try {
    for (;;) {
      const { value, done } = await coming;
      if (done) return;
      coming = new Promise<void>((resolve) => setImmediate(resolve)).then(() => items.next());
      // Its failure is heard of when its turn comes, if it does.
      coming.catch(() => {});
      yield value;
    }
  } finally {
    await items.return(undefined);
  }
}
