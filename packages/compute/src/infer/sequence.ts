import type { Clock } from "@ashlar/core";

import { computeError } from "../errors.ts";
import type { ModelVersion } from "./model-version.ts";
import type { ModelSettings, SequenceOptions } from "./model-settings.ts";
import { invalidOption } from "./options.ts";
import {
  answered,
  checkRequestOptions,
  deliver,
  type InternalRequestOptions,
  type Outputs,
  type Receiver,
} from "./pending-request.ts";
import { type PreparedInputs, prepareInputs } from "./request.ts";
import type { ExecutionKind } from "./runner.ts";
import type { Servable } from "./servable.ts";
import type { ResolvedSettings } from "./settings.ts";
import { describeSpec, type ModelSignature } from "./signature.ts";
import { arrayConstructor, elementCount, type Tensor, type TensorSpec } from "./tensor.ts";

/** Where a request stands in a sequence. */
export interface SequencePosition {
  /** Requests with the same id belong together. */
  readonly id: string;
  /** True for the first request: the state begins with zeros. */
  readonly start?: boolean;
  /** True for the last request: the state is forgotten after it. */
  readonly end?: boolean;
}

interface Sequence {
  states: Readonly<Record<string, Tensor>>;
  /** Monotonic milliseconds. */
  readonly beganAt: number;
  /** Ends with the request before: those of a sequence run one after another. */
  tail: Promise<unknown>;
  lastAt: number;
  /** Requests that are waiting or running. */
  open: number;
}

/**
 * A stateful model: what it gives as state is fed back to the next request of the same sequence. Requests of one
 * sequence run in the order in which they came; those of different sequences share runs when the model can be batched.
 */
export class SequenceModel implements Servable {
  readonly name: string;
  readonly version: string;
  /** Without the states, which clients neither send nor see. */
  readonly signature: ModelSignature;
  readonly layout = null;
  readonly maxBatchRows: number;
  readonly settings: ResolvedSettings;
  readonly givenSettings: ModelSettings;
  readonly ensemble = null;
  readonly #model: ModelVersion;
  readonly #options: Required<SequenceOptions>;
  readonly #clock: Clock;
  readonly #stateSpecs: readonly TensorSpec[];
  readonly #sequences: Map<string, Sequence> = new Map();
  #leaving = false;

  /** @throws INFERENCE_OPTION_INVALID when the states are not inputs and outputs of the model */
  constructor(model: ModelVersion, options: SequenceOptions, clock: Clock) {
    this.name = model.name;
    this.version = model.version;
    this.maxBatchRows = model.maxBatchRows;
    this.settings = model.settings;
    this.givenSettings = model.givenSettings;
    this.#model = model;
    this.#options = { idleTimeoutMs: 60_000, maxSequences: 1024, ...options };
    this.#clock = clock;
    const { inputs, outputs } = model.signature;
    this.#stateSpecs = options.states.map((state) => {
      const input = requireSpec(inputs, state.input, "input");
      const output = requireSpec(outputs, state.output, "output");
      if (input.type === output.type) return input;
      throw invalidOption("sequence.states", `${describeSpec(output)} as ${describeSpec(input)}`, "of one type");
    });
    const isInput = new Set(options.states.map((state) => state.input));
    const isOutput = new Set(options.states.map((state) => state.output));
    this.signature = {
      inputs: inputs.filter(({ name }) => !isInput.has(name)),
      outputs: outputs.filter(({ name }) => !isOutput.has(name)),
      batchable: false,
    };
  }

  get liveInstances(): number {
    return this.#model.liveInstances;
  }

  get execution(): ExecutionKind {
    return this.#model.execution;
  }

  get queued(): number {
    return this.#model.queued;
  }

  /** Sequences that have begun and not ended. */
  get openSequences(): number {
    this.#forgetIdle();
    return this.#sequences.size;
  }

  /** When a sequence that goes on has begun here, in monotonic milliseconds. */
  beganAt(id: string): number | undefined {
    return this.#sequences.get(id)?.beganAt;
  }

  /** @throws SEQUENCE_INVALID, SEQUENCE_LIMIT_REACHED, and what the model throws */
  submit(
    inputs: PreparedInputs,
    options: InternalRequestOptions & { readonly sequence?: SequencePosition },
    receiver: Receiver,
  ): void {
    const { sequence: position, ...rest } = options;
    if (position === undefined) throw this.#invalid("", "no sequence is named", "each request of it belongs to one");
    checkRequestOptions(rest);
    const cameAt = this.#clock.monotonic();
    // One that begins anew waits for what had come of the sequence before.
    const waits = (this.#sequences.get(position.id)?.open ?? 0) > 0;
    const sequence = this.#open(position);
    sequence.open++;
    const begun = new AbortController();
    const turn = sequence.tail.then(() => {
      begun.abort();
      return this.#run(sequence, inputs, this.#remaining(rest, cameAt));
    });
    // A failed request leaves the state as it was before it.
    sequence.tail = turn.catch(() => {}).finally(() => this.#close(position, sequence));
    deliver(waits ? Promise.race([turn, this.#givenUp(rest, begun.signal)]) : turn, receiver);
  }

  /** Rejects when the time of a request is over, or its caller goes away, before its turn has come. */
  #givenUp({ deadlineMs, signal, caller }: InternalRequestOptions, begun: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      if (deadlineMs !== undefined) {
        this.#clock.sleep(deadlineMs, { signal: begun }).then(
          () => reject(this.#expired(deadlineMs)),
          () => {},
        );
      }
      const gone = signal ?? caller?.signal;
      const onAbort = (): void => reject(gone?.reason as Error);
      if (gone?.aborted === true) onAbort();
      gone?.addEventListener("abort", onAbort, { once: true, signal: begun });
    });
  }

  /** What the turns before have left of the deadline. */
  #remaining(options: InternalRequestOptions, cameAt: number): InternalRequestOptions {
    (options.signal ?? options.caller?.signal)?.throwIfAborted();
    const { deadlineMs } = options;
    if (deadlineMs === undefined) return options;
    const left = deadlineMs - (this.#clock.monotonic() - cameAt);
    if (left <= 0) throw this.#expired(deadlineMs);
    return { ...options, deadlineMs: left };
  }

  #expired(deadlineMs: number): Error {
    return computeError("INFERENCE_DEADLINE_EXCEEDED", { model: this.name, deadlineMs });
  }

  #open({ id, start }: SequencePosition): Sequence {
    const known = this.#sequences.get(id);
    if (start !== true) {
      if (known === undefined)
        throw this.#invalid(id, "it has not begun or was forgotten", "its first request has start: true");
      return known;
    }
    if (known === undefined) this.#forgetIdle();
    if (known === undefined && this.#sequences.size >= this.#options.maxSequences) {
      throw computeError("SEQUENCE_LIMIT_REACHED", { model: this.name, maxSequences: this.#options.maxSequences });
    }
    const states = Object.fromEntries(this.#stateSpecs.map((spec) => [spec.name, zeros(spec)]));
    const now = this.#clock.monotonic();
    const tail = known?.tail ?? Promise.resolve();
    const sequence: Sequence = { states, beganAt: now, tail, lastAt: now, open: 0 };
    this.#sequences.set(id, sequence);
    return sequence;
  }

  async #run(sequence: Sequence, inputs: PreparedInputs, options: InternalRequestOptions): Promise<Outputs> {
    const named = this.signature.inputs.map(({ name }, index) => [name, inputs.tensors[index] as Tensor] as const);
    const prepared = prepareInputs(this.#model, { ...Object.fromEntries(named), ...sequence.states });
    const results = await answered((receiver) => this.#model.submit(prepared, options, receiver));
    const outputs: Outputs = {};
    for (const { name } of this.signature.outputs) outputs[name] = results[name] as Outputs[string];
    sequence.states = Object.fromEntries(
      this.#options.states.map(({ input, output }) => [input, results[output] as Tensor]),
    );
    return outputs;
  }

  #close({ id, end }: SequencePosition, sequence: Sequence): void {
    sequence.open--;
    sequence.lastAt = this.#clock.monotonic();
    if (end === true && this.#sequences.get(id) === sequence) this.#sequences.delete(id);
  }

  #forgetIdle(): void {
    const oldest = this.#leaving ? Number.POSITIVE_INFINITY : this.#clock.monotonic() - this.#options.idleTimeoutMs;
    for (const [id, sequence] of this.#sequences) {
      if (sequence.open === 0 && sequence.lastAt < oldest) this.#sequences.delete(id);
    }
  }

  /** Nobody can go on with a sequence any more: each is forgotten when what has come of it is answered. */
  leave(): void {
    this.#leaving = true;
  }

  /** Waits for the sequences to end too, or to be idle for too long: their state is of no use to another version. */
  async drain(): Promise<void> {
    while (this.openSequences > 0) {
      const pause = Math.min(100, this.#options.idleTimeoutMs);
      await this.#clock.sleep(pause);
    }
    await this.#model.drain();
  }

  async close(): Promise<void> {
    this.#sequences.clear();
    await this.#model.close();
  }

  #invalid(id: string, what: string, rule: string): Error {
    return computeError("SEQUENCE_INVALID", { model: this.name, id, what, rule });
  }
}

function requireSpec(specs: readonly TensorSpec[], name: string, kind: string): TensorSpec {
  const spec = specs.find((candidate) => candidate.name === name);
  if (spec !== undefined) return spec;
  throw invalidOption("sequence.states", `"${name}"`, `an ${kind}: ${specs.map((known) => known.name).join(", ")}`);
}

/** Axes that vary have length 1: a sequence is one row of the batch. */
function zeros(spec: TensorSpec): Tensor {
  const shape = spec.shape.map((length) => length ?? 1);
  const constructor = arrayConstructor(spec.type);
  const size = elementCount(shape);
  return { shape, data: constructor === null ? Array.from({ length: size }, () => "") : new constructor(size) };
}
