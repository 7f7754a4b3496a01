import { createHash } from "node:crypto";

import type { Outputs } from "./pending-request.ts";
import type { PreparedInputs } from "./request.ts";
import type { NumericTensorData, TensorData } from "./tensor.ts";

/** What an entry takes beside the bytes of its tensors. */
const entryBytes = 256;

interface Entry {
  readonly outputs: Outputs;
  readonly bytes: number;
}

/** The answers of one version of a model by the SHA-256 of their inputs; the least recently used go first. */
export class ResponseCache {
  readonly #maxBytes: number;
  /** In the order of use. */
  readonly #entries: Map<string, Entry> = new Map();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  keyOf({ tensors }: PreparedInputs): string {
    const hash = createHash("sha256");
    for (const { data, shape } of tensors) {
      hash.update(`${shape.join(",")};`);
      if (ArrayBuffer.isView(data)) hash.update(data);
      else hash.update(JSON.stringify(data));
    }
    return hash.digest("base64");
  }

  /** A copy that the caller may keep and change. */
  get(key: string): Outputs | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return copyOf(entry.outputs);
  }

  set(key: string, outputs: Outputs): void {
    const bytes = sizeOf(outputs);
    if (bytes > this.#maxBytes) return;
    this.#remove(key);
    this.#entries.set(key, { outputs: copyOf(outputs), bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

function copyOf(outputs: Outputs): Outputs {
  const copies = Object.entries(outputs).map(([name, tensor]) => [name, { ...tensor, data: copyData(tensor.data) }]);
  return Object.fromEntries(copies) as Outputs;
}

function copyData(data: TensorData): TensorData {
  return ArrayBuffer.isView(data) ? (data as NumericTensorData).slice() : [...data];
}

function sizeOf(outputs: Outputs): number {
  let bytes = entryBytes;
  for (const { data } of Object.values(outputs)) {
    if (ArrayBuffer.isView(data)) bytes += data.byteLength;
    else for (const text of data) bytes += 2 * text.length;
  }
  return bytes;
}
