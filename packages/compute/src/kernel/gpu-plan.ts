import type { GpuStage } from "./operation.ts";
import { createProgram, type Program } from "./program.ts";
import type { Shape } from "./tensor.ts";

/** A program as gpu.js kernels in order. Handles are numbered: first the inputs of the program, then the stages. */
export interface GpuPlan {
  /** Their inputs are handles. */
  readonly stages: readonly GpuStage[];
  /** Values to read back, and the handles whose rows make them. */
  readonly read: readonly { readonly value: number; readonly stages: readonly number[] }[];
  /** What is left for plain JS, on all values of the program; undefined when nothing is. */
  readonly host: Program | undefined;
  /** Steps of all loops of all cells. */
  readonly steps: number;
  readonly kindOf: (value: number) => "float" | "double" | "whole";
}

export function planOf(program: Program, shapes: readonly Shape[]): GpuPlan {
  const cut = program.nodes.findIndex(({ operation }) => operation.gpu === undefined);
  const onDevice = cut < 0 ? program.nodes : program.nodes.slice(0, cut);
  const onHost = cut < 0 ? [] : program.nodes.slice(cut);
  const stages: GpuStage[] = [];
  const handles = new Map(program.inputs.map((_, i): [number, readonly number[]] => [i, [i]]));
  const producers = new Map<number, string>();
  for (const { operation, inputs, outputs } of onDevice) {
    const form = operation.gpu?.(inputs.map((value) => shapes[value] as Shape));
    const own = inputs.map((value) => handles.get(value)?.[0] ?? 0);
    const first = program.inputs.length + stages.length;
    const handle = (from: number): number => own[from] ?? first + from - own.length;
    for (const stage of form?.stages ?? []) stages.push({ ...stage, inputs: stage.inputs.map(handle) });
    const last = program.inputs.length + stages.length - 1;
    outputs.forEach((value, i) => {
      handles.set(value, form?.results?.[i]?.map((stage) => first + stage) ?? [last]);
      producers.set(value, operation.name);
    });
  }
  const needed = new Set([...program.results, ...onHost.flatMap(({ inputs }) => inputs)]);
  const read = [...needed]
    .filter((value) => producers.has(value))
    .map((value) => ({ value, stages: handles.get(value) ?? [] }));
  return {
    stages,
    read,
    host: onHost.length === 0 ? undefined : hostProgram(program, onHost),
    steps: stages.reduce((sum, { output, steps }) => sum + output.rows * output.columns * steps, 0),
    kindOf: (value) => {
      const producer = producers.get(value);
      return producer === "argmax" ? "whole" : producer === "histogram" ? "double" : "float";
    },
  };
}

/** The remaining nodes; every value before them is an input under its own number. */
function hostProgram(program: Program, nodes: Program["nodes"]): Program {
  const first = Math.min(...nodes.flatMap(({ outputs }) => outputs));
  const inputs = Array.from({ length: first }, (_, i) => `v${i}`);
  return createProgram(inputs, nodes, program.results);
}
