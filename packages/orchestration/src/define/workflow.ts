import { createHash } from "node:crypto";
import { orchestrationError } from "../errors.ts";
import { type Duration, toMilliseconds } from "./duration.ts";
import {
  type Argument,
  eachHandle,
  type Handle,
  makeHandle,
  originOf,
  type Resolved,
  type StepHandle,
} from "./handle.ts";
import type { InputOf, InputSpec } from "./input.ts";
import type { StepFunction, StepOptions } from "./step.ts";

/** A step as the engine sees it. */
export interface StepDefinition {
  readonly name: string;
  readonly run: StepFunction<never, unknown>;
  /** Plain data and handles. */
  readonly argument: unknown;
  /** Names of the steps that must have finished first. */
  readonly needs: readonly string[];
  readonly retry: {
    readonly application: number;
    readonly preemption: number;
    readonly initialMs: number;
    readonly factor: number;
    readonly maxMs: number;
  };
  readonly timeoutMs: number | undefined;
}

/** A workflow as the engine sees it: a graph of steps that is known before it runs. */
export interface WorkflowDefinition {
  readonly name: string;
  readonly input: InputSpec;
  /** In the order of definition, which is a topological order. */
  readonly steps: readonly StepDefinition[];
  /** What the run resolves with: plain data and handles. */
  readonly output: unknown;
  /** Hash of the names, edges and arguments. Runs are pinned to it. */
  readonly version: string;
}

/** A workflow with the types of its input and its result. */
export interface Workflow<Spec extends InputSpec = InputSpec, Output = unknown> extends WorkflowDefinition {
  readonly input: Spec;
  /** Only a type: no value is ever here. */
  readonly __output?: Output;
}

/** What the body of a workflow defines it with. */
export interface WorkflowBuilder<Spec extends InputSpec> {
  readonly input: Handle<InputOf<Spec>>;
  /** Adds a step; its argument may hold results of earlier steps anywhere. The name is unique in the workflow. */
  step<Input, Output>(
    name: string,
    run: StepFunction<Input, Output>,
    argument: Argument<NoInfer<Input>>,
    options?: StepOptions,
  ): StepHandle<Awaited<Output>>;
}

/**
 * Defines a workflow. The body runs once, now, and only builds the graph.
 *
 * @throws WORKFLOW_INVALID for a name used twice, a handle of another workflow, or an option out of range
 */
export function workflow<const Spec extends InputSpec, Given = void>(
  name: string,
  options: { readonly input: Spec },
  body: (builder: WorkflowBuilder<Spec>) => Given,
): Workflow<Spec, Resolved<Given>> {
  const invalid = (problem: string): Error => orchestrationError("WORKFLOW_INVALID", { workflow: name, problem });
  if (!/^[\w.-]{1,200}$/.test(name))
    throw invalid("its name must be 1 to 200 letters, digits, dots, dashes or underscores");
  const steps = new Map<string, StepDefinition>();

  const output = body({
    input: makeHandle<InputOf<Spec>>({ step: undefined, path: [] }),
    step(stepName, run, argument, stepOptions = {}) {
      if (!/^[\w.-]{1,200}$/.test(stepName))
        throw invalid(
          `the step name ${JSON.stringify(stepName)} has other characters than letters, digits, dots, dashes and underscores`,
        );
      if (steps.has(stepName)) throw invalid(`two steps are named "${stepName}"`);
      const definition = defineStep(stepName, run, argument, stepOptions, invalid);
      const unknown = definition.needs.find((need) => !steps.has(need));
      if (unknown !== undefined)
        throw invalid(`the step "${stepName}" needs "${unknown}", which is not a step before it`);
      steps.set(stepName, definition);
      return makeHandle({ step: stepName, path: [] });
    },
  });
  if (steps.size === 0) throw invalid("it has no steps");

  const list = [...steps.values()];
  return { name, input: options.input, steps: list, output, version: hashOf(options.input, list, output) };
}

function defineStep(
  name: string,
  run: StepFunction<never, unknown>,
  argument: unknown,
  options: StepOptions,
  invalid: (problem: string) => Error,
): StepDefinition {
  const needs = new Set(options.after?.map((handle) => handle.stepName));
  eachHandle(argument, ({ step }) => step === undefined || needs.add(step));

  const count = (label: string, value: number): number => {
    if (Number.isInteger(value) && value >= 0) return value;
    throw invalid(`${label} of the step "${name}" is ${value}, and must be a whole number from 0`);
  };
  const time = (label: string, value: Duration): number => {
    const parsed = toMilliseconds(value);
    if (parsed !== undefined) return parsed;
    throw invalid(`${label} of the step "${name}" is ${JSON.stringify(value)}, and must be a duration such as "30s"`);
  };
  const retry = options.retry ?? {};
  return {
    name,
    run,
    argument,
    needs: [...needs],
    retry: {
      application: count("retry.application", retry.application ?? 0),
      preemption: count("retry.preemption", retry.preemption ?? 20),
      initialMs: time("retry.initial", retry.initial ?? "1s"),
      factor: retry.factor ?? 2,
      maxMs: time("retry.max", retry.max ?? "1m"),
    },
    timeoutMs: options.timeout === undefined ? undefined : time("timeout", options.timeout),
  };
}

function hashOf(input: InputSpec, steps: readonly StepDefinition[], output: unknown): string {
  const shape = { input, steps: steps.map(({ name, argument, needs }) => ({ name, argument, needs })), output };
  const text = JSON.stringify(shape, (_key, value: unknown) => originOf(value) ?? value);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
