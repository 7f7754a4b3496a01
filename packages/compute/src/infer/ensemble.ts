import { computeError } from "../errors.ts";
import { invalidOption } from "./options.ts";
import type { EnsembleOptions, ModelSettings } from "./model-settings.ts";
import {
  answered,
  checkRequestOptions,
  deliver,
  type InternalRequestOptions,
  type Outputs,
  type Receiver,
} from "./pending-request.ts";
import { bytesOf, type PreparedInputs, prepareInputs } from "./request.ts";
import type { ExecutionKind } from "./runner.ts";
import type { Servable } from "./servable.ts";
import type { InferOptions } from "./server.ts";
import { describeSpec, type ModelSignature } from "./signature.ts";
import type { StatisticsRecorder } from "./statistics.ts";
import type { Tensor, TensorSpec } from "./tensor.ts";

/** One run of a model within an ensemble. */
export interface EnsembleStep {
  readonly model: string;
  /** Default: whatever is served under the name when a request comes. */
  readonly version?: string;
  /** Which tensor of the ensemble each input of the model is. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Which tensor of the ensemble each output of the model becomes; the others are dropped. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** A request as an ensemble and its steps get it. */
type StepOptions = InternalRequestOptions & Pick<InferOptions, "version" | "sequence">;

/** The models that there are for steps. */
export interface StepModels {
  /** Finds one that is served. @throws MODEL_NOT_FOUND */
  find(name: string, version?: string): Servable;
  /**
   * Who answers a request whose inputs have so many bytes; a promise when the model has to be woken first.
   *
   * @throws MODEL_NOT_FOUND, INFERENCE_QUEUE_FULL
   */
  open(name: string, options: StepOptions, bytes: number): Servable | Promise<Servable>;
  /** Whether the model is loaded by its next request. */
  sleeps(name: string): boolean;
}

export interface EnsembleInit {
  readonly name: string;
  readonly version: string;
  readonly options: EnsembleOptions;
  /** The model of each step, as it is when the ensemble is loaded. */
  readonly targets: readonly Servable[];
  readonly models: StepModels;
  readonly statistics: StatisticsRecorder;
  readonly monotonic: () => number;
  readonly now: () => number;
}

/**
 * A graph of models that answers like one. Each step runs as soon as its tensors are there, several at a time where
 * the graph allows it. A tensor goes from step to step without a copy: the step that is left alone with it gets its buffer.
 */
export class Ensemble implements Servable {
  readonly name: string;
  readonly version: string;
  readonly signature: ModelSignature;
  readonly layout = null;
  readonly maxBatchRows: number = Number.MAX_SAFE_INTEGER;
  readonly execution: ExecutionKind = "inline";
  readonly queued = 0;
  readonly settings = null;
  readonly givenSettings: ModelSettings;
  readonly ensemble: EnsembleOptions;
  readonly #init: EnsembleInit;
  readonly #running: Set<Promise<unknown>> = new Set();
  #closed = false;

  /** @throws INFERENCE_OPTION_INVALID for a graph that does not fit together */
  constructor(init: EnsembleInit) {
    this.name = init.name;
    this.version = init.version;
    this.ensemble = init.options;
    this.givenSettings = { ensemble: init.options };
    this.#init = init;
    this.signature = ensembleSignature(init.options, init.targets);
  }

  get liveInstances(): number {
    const { options, models } = this.#init;
    try {
      // A model that sleeps is ready to be asked.
      const live = ({ model, version }: EnsembleStep): number =>
        models.sleeps(model) ? 1 : models.find(model, version).liveInstances;
      return Math.min(...options.steps.map(live));
    } catch {
      return 0;
    }
  }

  submit(inputs: PreparedInputs, options: StepOptions, receiver: Receiver): void {
    checkRequestOptions(options);
    if (this.#closed) throw computeError("MODEL_UNAVAILABLE", { model: this.name, reason: "it is being unloaded" });
    const answer = this.#answer(inputs, options);
    this.#running.add(answer);
    const forget = (): void => void this.#running.delete(answer);
    answer.then(forget, forget);
    deliver(answer, receiver);
  }

  async drain(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
  }

  close(): Promise<void> {
    return this.drain();
  }

  async #answer(inputs: PreparedInputs, options: StepOptions): Promise<Outputs> {
    const { statistics, monotonic, now } = this.#init;
    const began = monotonic();
    try {
      const outputs = await this.#runGraph(inputs, options, began);
      const micros = (monotonic() - began) * 1000;
      statistics.batch(inputs.rows, micros, now());
      statistics.answered(inputs.rows, 0, micros);
      return outputs;
    } catch (error) {
      statistics.failed();
      throw error;
    }
  }

  async #runGraph(inputs: PreparedInputs, options: StepOptions, began: number): Promise<Outputs> {
    const { steps, outputs } = this.#init.options;
    const given = this.signature.inputs.map(({ name }, index) => [name, inputs.tensors[index] as Tensor] as const);
    const tensors = new Map<string, Tensor>(given);
    const uses = useCounts(this.#init.options);
    // The caller's own tensors are nobody's to give away.
    if (!inputs.owned) for (const [name] of given) uses.set(name, Number.POSITIVE_INFINITY);

    const runStep = async (step: EnsembleStep): Promise<void> => {
      const named = Object.fromEntries(
        Object.entries(step.inputs).map(([input, name]) => [input, tensors.get(name) as Tensor] as const),
      );
      const opening = this.#open(step, named, this.#remaining(options, began));
      const target = opening instanceof Promise ? await opening : opening;
      const own = useCounts({ steps: [step], outputs: [] });
      // A step that began before may still wait for its turn with these tensors.
      const owned = [...own].every(([name, count]) => uses.get(name) === count);
      const prepared = prepareInputs(target, named, owned);
      const remaining = this.#remaining(options, began);
      const results = await answered((receiver) => target.submit(prepared, remaining, receiver));
      for (const [name, count] of own) uses.set(name, (uses.get(name) ?? count) - count);
      for (const [output, name] of Object.entries(step.outputs)) tensors.set(name, results[output] as Tensor);
    };

    let waiting = [...steps];
    const runReady = async (): Promise<void> => {
      const ready = waiting.filter((step) => Object.values(step.inputs).every((name) => tensors.has(name)));
      waiting = waiting.filter((step) => !ready.includes(step));
      await Promise.all(ready.map((step) => runStep(step).then(runReady)));
    };
    await runReady();
    return Object.fromEntries(outputs.map((name) => [name, tensors.get(name)])) as Outputs;
  }

  #open(
    { model, version }: EnsembleStep,
    inputs: Readonly<Record<string, Tensor>>,
    options: StepOptions,
  ): Servable | Promise<Servable> {
    const { models } = this.#init;
    const { version: _, ...rest } = options;
    const wanted = version === undefined ? rest : { ...rest, version };
    return models.open(model, wanted, models.sleeps(model) ? bytesOf(inputs) : 0);
  }

  /** A step gets what is left of the deadline; an aborted request ends between two steps. */
  #remaining(options: StepOptions, began: number): StepOptions {
    (options.signal ?? options.caller?.signal)?.throwIfAborted();
    const { deadlineMs } = options;
    if (deadlineMs === undefined) return options;
    const left = deadlineMs - (this.#init.monotonic() - began);
    if (left <= 0) throw computeError("INFERENCE_DEADLINE_EXCEEDED", { model: this.name, deadlineMs });
    return { ...options, deadlineMs: left };
  }
}

/** How often each tensor is needed: once by each input of a step, and by an output of the ensemble. */
function useCounts({ steps, outputs }: Pick<EnsembleOptions, "steps" | "outputs">): Map<string, number> {
  const uses = new Map<string, number>();
  for (const name of [...outputs, ...steps.flatMap((step) => Object.values(step.inputs))]) {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  return uses;
}

/** Checks the graph: every tensor is made once, none is missing or goes in a circle, and types agree. */
function ensembleSignature({ inputs, outputs, steps }: EnsembleOptions, targets: readonly Servable[]): ModelSignature {
  const specs = new Map<string, TensorSpec>();
  const made = new Set<string>(inputs);
  if (made.size < inputs.length) throw graphError(inputs.join(", "), "inputs of different names");
  let waiting = [...steps];
  while (waiting.length > 0) {
    const ready = waiting.filter((step) => Object.values(step.inputs).every((name) => made.has(name)));
    if (ready.length === 0) {
      const missing = waiting.flatMap((step) => Object.values(step.inputs)).find((name) => !made.has(name));
      throw graphError(`the tensor "${missing}"`, "an input of the ensemble or made by a step before it is needed");
    }
    for (const step of ready)
      for (const name of addStep(step, targets[steps.indexOf(step)] as Servable, specs)) {
        if (made.has(name)) throw graphError(`the tensor "${name}"`, "made once");
        made.add(name);
      }
    waiting = waiting.filter((step) => !ready.includes(step));
  }
  const specOf = (name: string): TensorSpec => {
    const spec = specs.get(name);
    if (spec === undefined) throw graphError(`the tensor "${name}"`, "used by a step, or made by one");
    return { ...spec, name };
  };
  return { inputs: inputs.map(specOf), outputs: outputs.map(specOf), batchable: false };
}

/** Learns the types of a step's tensors; gives the names of those it makes. */
function addStep(step: EnsembleStep, target: Servable, specs: Map<string, TensorSpec>): string[] {
  const { signature } = target;
  for (const spec of signature.inputs) {
    const name = step.inputs[spec.name];
    if (name === undefined) throw graphError(`the step "${step.model}"`, `given its input "${spec.name}"`);
    const known = specs.get(name);
    if (known !== undefined && !agrees(known, spec)) {
      throw graphError(
        `the tensor "${name}", ${describeSpec(known)},`,
        `what "${step.model}" takes: ${describeSpec(spec)}`,
      );
    }
    if (known === undefined) specs.set(name, spec);
  }
  return Object.entries(step.outputs).map(([output, name]) => {
    const spec = signature.outputs.find((candidate) => candidate.name === output);
    if (spec === undefined) throw graphError(`the step "${step.model}"`, `asked for outputs it has, not "${output}"`);
    specs.set(name, spec);
    return name;
  });
}

function agrees(made: TensorSpec, needed: TensorSpec): boolean {
  if (made.type !== needed.type || made.shape.length !== needed.shape.length) return false;
  return made.shape.every((length, axis) => {
    const other = needed.shape[axis] ?? null;
    return length === null || other === null || length === other;
  });
}

function graphError(value: string, rule: string): Error {
  return invalidOption("ensemble", value, rule);
}
