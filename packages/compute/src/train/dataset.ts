import { createHash } from "node:crypto";
import { computeError } from "../errors.ts";
import { type Chunk, openTable, type Pass, type TableSource } from "./table.ts";

export interface DatasetOptions {
  /** Name of the column to predict: 0 and 1, or false and true, in every row. */
  readonly label: string;
  /** Names of the columns to predict from, in this order. @default every column but the label */
  readonly features?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Rows ready for training, in shared memory so that worker threads read them without a copy. */
export interface Dataset {
  readonly kind: "dataset";
  readonly features: readonly string[];
  readonly label: string;
  readonly rows: number;
  /** Column-major: the value of feature f in row r is `values[f * rows + r]`. NaN is missing. */
  readonly values: Float32Array<SharedArrayBuffer>;
  /** 0 or 1 for each row. */
  readonly labels: Uint8Array<SharedArrayBuffer>;
}

/**
 * Reads a table of numbers into shared memory as float32, 4 bytes for each value.
 *
 * @throws DATASET_INVALID, LABEL_INVALID
 */
export async function readDataset(source: TableSource, options: DatasetOptions): Promise<Dataset> {
  const data = await readRows(source, options);
  checkClasses(data.labels, options.label);
  return data;
}

/** The same for rows to watch the loss of: they may be of one class. */
export async function readRows(source: TableSource, options: DatasetOptions): Promise<Dataset> {
  const pass = await openTable(source, options.signal);
  const { features, rows } = await survey(pass, options);
  const values = new Float32Array(new SharedArrayBuffer(rows * features.length * 4));
  const labels = new Uint8Array(new SharedArrayBuffer(rows));
  let first = 0;
  for await (const chunk of pass()) {
    if (first + chunk.rows > rows) throw rowsChanged(rows);
    labels.set(readLabels(chunk, options.label, first), first);
    features.forEach((name, f) => values.set(readFeature(chunk, name, first), f * rows + first));
    first += chunk.rows;
  }
  if (first !== rows) throw rowsChanged(rows);
  return { kind: "dataset", features, label: options.label, rows, values, labels };
}

/** Whether a source was read before, by `readDataset` or `binDataset`. */
export function isRead<Read extends { readonly kind: string }>(source: TableSource | Read): source is Read {
  return typeof source === "object" && source !== null && "kind" in source;
}

/**
 * Checks that a data set read before is of the label and the features asked for.
 *
 * @throws DATASET_INVALID
 */
export function checkReadFor(
  data: { readonly label: string; readonly features: readonly string[] },
  options: DatasetOptions,
): void {
  const wanted = options.features ?? data.features;
  const same = wanted.length === data.features.length && wanted.every((name, f) => name === data.features[f]);
  if (data.label === options.label && same) return;
  throw invalid(
    `the data set was read for the label "${data.label}" from ${data.features.join(", ")}`,
    `"${options.label}" from ${wanted.join(", ")} is asked for`,
    "Read it anew with readDataset or binDataset.",
  );
}

/** Counts the rows and settles the features, in one pass that `visit` may use too. */
export async function survey(
  pass: Pass,
  options: DatasetOptions,
  visit: (chunk: Chunk, features: readonly string[], firstRow: number) => void = () => {},
): Promise<{ readonly features: readonly string[]; readonly rows: number }> {
  let rows = 0;
  let features = options.features;
  for await (const chunk of pass()) {
    features ??= chunk.names.filter((name) => name !== options.label);
    if (rows === 0) checkFeatures(features, options.label);
    visit(chunk, features, rows);
    rows += chunk.rows;
    options.signal?.throwIfAborted();
  }
  if (rows === 0 || features === undefined) {
    throw invalid("it has no rows", "at least one row is needed", "Check the source and its filter.");
  }
  // A copy: the caller may change his list while a model still needs it.
  return { features: [...features], rows };
}

function checkFeatures(features: readonly string[], label: string): void {
  if (!Array.isArray(features)) throw invalid("features is no list", "it lists names", "Give a list of one.");
  if (features.length === 0) throw invalid("there are no features", "at least one is needed", "Add a feature column.");
  if (features.includes(label)) {
    throw invalid(`the label "${label}" is among the features`, "a model must not see it", "Take it out of features.");
  }
  const repeated = features.find((name, i) => features.indexOf(name) !== i);
  if (repeated !== undefined) throw invalid(`the feature "${repeated}" appears twice`, "names differ", "Rename one.");
}

export function readFeature(chunk: Chunk, name: string, firstRow: number): Float32Array {
  const values = chunk.read(name, firstRow);
  if (values !== undefined) return values;
  throw invalid(
    `the rows from ${firstRow} on have no column "${name}" (they have ${chunk.names.join(", ")})`,
    "every batch has every feature",
    "Add the column, or name the features to use.",
  );
}

export function readLabels(chunk: Chunk, label: string, firstRow: number): Uint8Array {
  const values = chunk.read(label, firstRow);
  if (values === undefined) {
    const what = `is not there: the columns are ${chunk.names.join(", ")}`;
    throw computeError("LABEL_INVALID", { label, what, rule: "each row needs a label" });
  }
  const labels = new Uint8Array(chunk.rows);
  for (let i = 0; i < labels.length; i++) {
    const value = values[i]!;
    if (value !== 0 && value !== 1) {
      const what = Number.isNaN(value) ? `is missing in row ${firstRow + i}` : `is ${value} in row ${firstRow + i}`;
      throw computeError("LABEL_INVALID", { label, what, rule: "a label is 0 or 1, or false or true" });
    }
    labels[i] = value;
  }
  return labels;
}

/** Refuses labels of one class only: no model of a probability can be fitted to them. */
export function checkClasses(labels: Uint8Array, label: string): void {
  if (labels.includes(0) && labels.includes(1)) return;
  const what = `is ${labels[0]} in all ${labels.length} rows`;
  throw computeError("LABEL_INVALID", { label, what, rule: "rows of both classes are needed" });
}

/** SHA-256 of names and content: two data sets of equal digest train to the same model. */
export function contentDigest(
  names: readonly string[],
  rows: number,
  ...parts: readonly (Uint8Array | Float32Array)[]
): string {
  const hash = createHash("sha256").update(JSON.stringify([names, rows]));
  for (const part of parts) {
    const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    const step = 1 << 26;
    for (let at = 0; at < bytes.length; at += step) hash.update(bytes.subarray(at, at + step));
  }
  return hash.digest("hex");
}

export function rowsChanged(rows: number): Error {
  return invalid(
    `the second pass did not have the ${rows} rows of the first`,
    "a source gives the same rows each time",
    "Read from a fixed version of the table.",
  );
}

function invalid(what: string, rule: string, remedy: string): Error {
  return computeError("DATASET_INVALID", { what, rule, remedy });
}
