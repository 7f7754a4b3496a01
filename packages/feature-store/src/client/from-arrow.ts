import { DataType, tableFromIPC, type Vector } from "apache-arrow";
import type { Value } from "../define/value-type.ts";
import type { Reading, Readings } from "../serve/read.ts";

/** The rows of an answer in Arrow, or why it is none. */
export function fromArrow(bytes: Uint8Array): Readings[] | string {
  let table;
  try {
    table = tableFromIPC(bytes);
  } catch (error) {
    return `it is no Arrow stream (${(error as Error).message})`;
  }
  const rows = Array.from({ length: table.numRows }, (): Readings => ({}));
  for (const { name } of table.schema.fields) {
    const status = table.getChild(`${name}@status`);
    const age = table.getChild(`${name}@age_ms`);
    if (status === null || age === null) continue;
    const read = reader(table.getChild(name) as Vector);
    rows.forEach((row, i) => {
      row[name] = { status: String(status.get(i)), value: read(i), ageMs: age.get(i) as number | null } as Reading;
    });
  }
  return rows;
}

/** Arrow gives a timestamp as milliseconds; its words have the microseconds. */
function reader(vector: Vector): (row: number) => Value | null {
  if (DataType.isList(vector.type)) {
    return (row) => {
      const list = vector.get(row) as Iterable<number> | null;
      return list === null ? null : Float32Array.from(list);
    };
  }
  if (!DataType.isTimestamp(vector.type)) return (row) => vector.get(row) as Value | null;
  const words = vector.data.flatMap((data) => [...(data.values as BigInt64Array).subarray(0, data.length)]);
  return (row) => (vector.isValid(row) ? (words[row] ?? null) : null);
}
