/** A share of all hashes of keys, from `start` on and before `end`. */
export interface HashRange {
  readonly start: number;
  readonly end: number;
}

export const allHashes: HashRange = { start: 0, end: 2 ** 32 };

/** What is left of a share when its upper half is forgotten. */
export const lowerHalf = ({ start, end }: HashRange): HashRange => ({ start, end: Math.ceil((start + end) / 2) });

/** The share that follows one, of its width: the next is likely to be as large. Undefined after the last. */
export const following = ({ start, end }: HashRange): HashRange | undefined =>
  end === allHashes.end ? undefined : { start: end, end: Math.min(allHashes.end, 2 * end - start) };
