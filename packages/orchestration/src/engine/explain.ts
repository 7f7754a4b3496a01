import type { WorkflowDefinition } from "../define/workflow.ts";
import type { RunRecord, StepRecord } from "../history/port.ts";

/** One line for each step: what it is doing, and why it is not doing something else. */
export function explainRun(
  run: RunRecord,
  steps: readonly StepRecord[],
  workflow: WorkflowDefinition | undefined,
  now: number,
): readonly string[] {
  const states = new Map(steps.map((step) => [step.name, step.state]));
  return steps.map((step) => {
    const needs = workflow?.steps.find(({ name }) => name === step.name)?.needs ?? [];
    const missing = needs.filter((need) => states.get(need) !== "succeeded");
    return `${step.name}: ${explainStep(run, step, missing, now)}`;
  });
}

function explainStep(run: RunRecord, step: StepRecord, missing: readonly string[], now: number): string {
  switch (step.state) {
    case "succeeded":
      return `succeeded in ${(step.finishedAt ?? 0) - (step.startedAt ?? 0)} ms, attempt ${step.attempts}${interrupted(step)}`;
    case "running":
      return `attempt ${step.attempts} has been running for ${now - (step.startedAt ?? now)} ms${interrupted(step)}`;
    case "retrying":
      return `attempt ${step.attempts} failed (${step.error ?? ""}); the next is due in ${Math.max(0, (step.runAt ?? now) - now)} ms`;
    case "failed":
      return `failed after ${step.attempts} attempts: ${step.error ?? ""}`;
    case "cancelled":
      return run.state === "failed" ? `not run: the step "${run.error?.step ?? ""}" failed` : "cancelled with its run";
    case "waiting":
      return missing.length > 0
        ? `waits for ${missing.join(", ")}`
        : `ready; waits for a free place${interrupted(step)}`;
  }
}

function interrupted(step: StepRecord): string {
  return step.interruptions === 0 ? "" : `, interrupted ${step.interruptions} times by the death of its process`;
}
