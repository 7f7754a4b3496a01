import { createHash } from "node:crypto";
import { isAshlarError } from "@ashlar/core";
import type { ColumnData } from "../offline/column-data.ts";
import type { FeatureColumn } from "../offline/feature-column.ts";
import type { LabelPart } from "../offline/port.ts";

/**
 * The SHA-256 of the rows of a training set: of the SHA-256 of each column's name, type, presence and values in row order,
 * in the order of the columns. It does not depend on the engine, on how the rows are cut into batches, or on how strings
 * are encoded.
 */
export async function digestOf(labels: LabelPart, features: readonly FeatureColumn[]): Promise<string> {
  const total = createHash("sha256").update(`rows ${labels.rows}\n`);
  for (const name of labels.columnNames) total.update(await labelDigest(labels, name));
  for (const feature of features) {
    const hash = createHash("sha256").update(`feature ${feature.storage} ${feature.name}\n`);
    for (const bytes of feature.bytes()) hash.update(bytes);
    total.update(hash.digest());
  }
  return total.digest("hex");
}

async function labelDigest(labels: LabelPart, name: string): Promise<Uint8Array> {
  const hash = createHash("sha256");
  try {
    const data = await labels.column(name);
    if (data.kind === "vector") return await otherDigest(labels, name);
    hash.update(`label ${data.kind} ${name}\n`);
    for (const bytes of columnBytes(data)) hash.update(bytes);
  } catch (error) {
    if (!isAshlarError(error)) throw error;
    return await otherDigest(labels, name);
  }
  return hash.digest();
}

/** A column of a type no feature can be keyed by, such as a list, still belongs to the rows. */
async function otherDigest(labels: LabelPart, name: string): Promise<Uint8Array> {
  const hash = createHash("sha256").update(`label other ${name}\n`);
  for await (const batch of labels.batches())
    for (const value of batch.getChild(name) ?? []) hash.update(`${text(value)}\n`);
  return hash.digest();
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? `${inner}n` : inner));

function* columnBytes(data: ColumnData): Iterable<Uint8Array> {
  const { values, valid } = data;
  yield valid ?? new Uint8Array(values.length).fill(1);
  if (data.kind === "string") {
    yield* stringBytes(data.values, data.dictionary, valid);
    return;
  }
  if (data.kind === "vector") return;
  let canonical = data.values;
  if (valid !== undefined) {
    canonical = data.values.slice();
    for (let row = 0; row < valid.length; row++) {
      if (valid[row] === 0) canonical[row] = (data.kind === "bigint" ? 0n : 0) as never;
    }
  }
  yield new Uint8Array(canonical.buffer, canonical.byteOffset, canonical.byteLength);
}

/** Each string as its UTF-8 length in four bytes and its bytes, in pieces of about a mebibyte that share their memory. */
function* stringBytes(
  codes: Int32Array,
  dictionary: readonly string[],
  valid: Uint8Array | undefined,
): Iterable<Uint8Array> {
  const { bytes, starts } = encoded(dictionary);
  const longest = dictionary.reduce(
    (most, _, i) => Math.max(most, (starts[i + 1] as number) - (starts[i] as number)),
    0,
  );
  const piece = new Uint8Array((1 << 20) + longest);
  let used = 0;
  for (let row = 0; row < codes.length; row++) {
    if (valid !== undefined && valid[row] === 0) continue;
    const code = codes[row] as number;
    const end = starts[code + 1] as number;
    for (let from = starts[code] as number; from < end; from++) piece[used++] = bytes[from] as number;
    if (used < 1 << 20) continue;
    yield piece.subarray(0, used);
    used = 0;
  }
  yield piece.subarray(0, used);
}

/** The strings of a dictionary one after another, each after its length. */
function encoded(dictionary: readonly string[]): { readonly bytes: Uint8Array; readonly starts: Float64Array } {
  const starts = new Float64Array(dictionary.length + 1);
  const parts = dictionary.map((text, i) => {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    starts[i + 1] = (starts[i] as number) + 4 + bytes.length;
    return [length, bytes];
  });
  return { bytes: Buffer.concat(parts.flat()), starts };
}
