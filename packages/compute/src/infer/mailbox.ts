import { areaBytes, ArrayReuse, newArray, TensorArea } from "./tensor-area.ts";
import type { ModelSignature } from "./signature.ts";
import type { ElementType, Tensor, TypedTensor } from "./tensor.ts";

/** Bytes of tensors that are copied through shared memory; larger ones are quicker transferred. */
const tensorBytes = 256 * 1024;

/**
 * Words of the control block. `sent` counts what came for the thread and `answered` its answers; each is a word to wait
 * at. `batch` and `result` are 1 while one lies in the area, and `busy` from the moment on that the thread is given something
 * to do until it is done.
 */
const word = { sent: 0, answered: 1, batch: 2, result: 3, busy: 4 } as const;
const words = 16;
const microsOffset = words * Int32Array.BYTES_PER_ELEMENT;
const areaOffset = microsOffset + Float64Array.BYTES_PER_ELEMENT;

/** What a thread gave for a batch in its mailbox. */
export interface MailedResult {
  readonly outputs: readonly TypedTensor[];
  readonly computeMicros: number;
}

/**
 * Memory that a thread shares with the one that sends it batches: one batch at a time, and its result in the same place.
 * A small message through a port costs several times the copies, in objects, events and calls of the system.
 *
 * A writer first fills the memory, then raises the flag, then counts; a reader takes the count, looks, and waits at the
 * count that it took. So what comes between looking and waiting ends the wait.
 */
class Mailbox {
  readonly memory: SharedArrayBuffer;
  protected readonly control: Int32Array<SharedArrayBuffer>;
  protected readonly micros: Float64Array<SharedArrayBuffer>;
  protected readonly area: TensorArea;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.control = new Int32Array(memory, 0, words);
    this.micros = new Float64Array(memory, microsOffset, 1);
    this.area = new TensorArea(memory, areaOffset);
  }

  /** All that the thread was given is done, or was not given after all. */
  rest(): void {
    Atomics.store(this.control, word.busy, 0);
    Atomics.notify(this.control, word.busy);
  }

  protected count(at: number): void {
    Atomics.add(this.control, at, 1);
    Atomics.notify(this.control, at);
  }
}

/** The mailbox as the calling thread has it. */
export class SenderMailbox extends Mailbox {
  #types: readonly ElementType[] = [];

  constructor() {
    super(new SharedArrayBuffer(areaOffset + areaBytes(tensorBytes)));
  }

  /** To be called before the first batch of a model. */
  open({ outputs }: ModelSignature): void {
    this.#types = outputs.map(({ type }) => type);
    Atomics.store(this.control, word.result, 0);
  }

  /** To be called before the thread is given something to do in native code. */
  occupy(): void {
    Atomics.store(this.control, word.busy, 1);
  }

  /** Blocks for so many milliseconds at most until the thread has nothing to do. */
  waitUntilIdle(milliseconds: number): void {
    Atomics.wait(this.control, word.busy, 1, milliseconds);
  }

  /** Whether a batch goes through the mailbox, which leaves its buffers as they are. */
  fits(inputs: readonly Tensor[]): boolean {
    return this.area.fits(inputs);
  }

  /** Wakes the thread, because something has come through its port. */
  ring(): void {
    this.count(word.sent);
  }

  /**
   * Sends a batch that {@link fits}. Resolves when it is answered: here, through the port, or not at all by the dead.
   * Throws at once when the memory of a tensor is gone.
   */
  send(inputs: readonly Tensor[]): Promise<void> {
    const before = Atomics.load(this.control, word.answered);
    this.area.write(inputs);
    this.occupy();
    Atomics.store(this.control, word.batch, 1);
    this.count(word.sent);
    return this.#answered(before);
  }

  /** The thread counts, then wakes: its last wake-up may come when the next wait has begun, and end that too early. */
  async #answered(before: number): Promise<void> {
    for (;;) {
      const wait = Atomics.waitAsync(this.control, word.answered, before);
      if (!wait.async) return;
      await wait.value;
    }
  }

  /** The result that lies here. */
  receive(): MailedResult | null {
    if (Atomics.exchange(this.control, word.result, 0) === 0) return null;
    return { outputs: this.area.read(this.#types, newArray), computeMicros: this.micros[0] ?? 0 };
  }

  /** Ends the wait for a thread that is gone. */
  giveUp(): void {
    this.count(word.answered);
  }
}

/** The mailbox as the thread has it. */
export class ReceiverMailbox extends Mailbox {
  #types: readonly ElementType[] = [];
  #reuse: ArrayReuse = new ArrayReuse();

  /** To be called before the first batch of a model is sent: what lies here is of the one before. */
  open({ inputs }: ModelSignature): void {
    this.#types = inputs.map(({ type }) => type);
    this.#reuse = new ArrayReuse();
    Atomics.store(this.control, word.batch, 0);
  }

  /** What has been counted so far, to {@link sleep} at. */
  get sent(): number {
    return Atomics.load(this.control, word.sent);
  }

  /** Blocks the thread until something has come since. */
  sleep(sent: number): void {
    Atomics.wait(this.control, word.sent, sent);
  }

  get isFull(): boolean {
    return Atomics.load(this.control, word.batch) === 1;
  }

  /** Takes the batch that lies here, in arrays that the next one will lie in too. */
  receive(): readonly Tensor[] {
    Atomics.store(this.control, word.batch, 0);
    return this.area.read(this.#types, this.#reuse.arrayFor);
  }

  /** Whether a result goes through the mailbox. */
  fits(outputs: readonly Tensor[]): boolean {
    return this.area.fits(outputs);
  }

  /** Answers a batch with a result that {@link fits}; with `null` when the answer has gone through the port. */
  answer(result: MailedResult | null): void {
    if (result !== null) {
      this.area.write(result.outputs);
      this.micros[0] = result.computeMicros;
      Atomics.store(this.control, word.result, 1);
    }
    this.count(word.answered);
  }
}
