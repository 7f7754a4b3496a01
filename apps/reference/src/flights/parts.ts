import type { RecordBatch } from "apache-arrow";

/** What a row of the training set is for. Time decides: a model is never judged on the past of what it was trained on. */
export type Part = "train" | "validate" | "judge";

/** The last two weeks of May choose, June judges; the six flights of 1 July are left out. Epoch microseconds. */
const validateFrom = Date.UTC(2001, 4, 18) * 1000;
const judgeFrom = Date.UTC(2001, 5, 1) * 1000;
const judgeUntil = Date.UTC(2001, 6, 1) * 1000;

export function partOf(timeUs: number): Part | undefined {
  if (timeUs < validateFrom) return "train";
  if (timeUs < judgeFrom) return "validate";
  return timeUs < judgeUntil ? "judge" : undefined;
}

/** Cuts a batch into runs of rows of the same part, in order. */
export function* splitByPart(batch: RecordBatch, time: string): Generator<readonly [Part, RecordBatch]> {
  const times = batch.getChild(time)?.toArray() as BigInt64Array;
  let start = 0;
  for (let row = 1; row <= batch.numRows; row++) {
    const part = partOf(Number(times[start]));
    if (row < batch.numRows && partOf(Number(times[row])) === part) continue;
    if (part !== undefined) yield [part, batch.slice(start, row)];
    start = row;
  }
}
