const memories = new WeakMap<SharedArrayBuffer, WebAssembly.Memory>();
const PAGE = 65_536;

/** Bytes that threads share; as many as fit into WebAssembly are such a memory, so that its code can read them. */
export function sharedBytes(length: number): Uint8Array<SharedArrayBuffer> {
  const pages = Math.max(1, Math.ceil(length / PAGE));
  if (pages > PAGE) return new Uint8Array(new SharedArrayBuffer(length));
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const buffer = memory.buffer as ArrayBufferLike as SharedArrayBuffer;
  memories.set(buffer, memory);
  return new Uint8Array(buffer, 0, length);
}

/** The memory behind {@link sharedBytes}, to be sent to a thread along with them. */
export function memoryOf({ buffer }: Uint8Array<SharedArrayBuffer>): WebAssembly.Memory | undefined {
  return memories.get(buffer);
}
