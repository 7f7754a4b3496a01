export type { Duration } from "./define/duration.ts";
export type { Argument, Handle, Resolved, StepHandle } from "./define/handle.ts";
export type { InputOf, InputSpec, InputType } from "./define/input.ts";
export type { RetryOptions, StepContext, StepFunction, StepOptions } from "./define/step.ts";
export {
  type StepDefinition,
  type Workflow,
  workflow,
  type WorkflowBuilder,
  type WorkflowDefinition,
} from "./define/workflow.ts";
export { createEngine, type Engine, type EngineOptions, type Run, type StartOptions } from "./engine/engine.ts";
export { type Failpoint, failpoints } from "./engine/failpoint.ts";
export type { Progress } from "./engine/run.ts";
export { orchestrationError, orchestrationErrors } from "./errors.ts";
export type { HistoryFactory, RunEvent, RunRecord, RunState, StepRecord, StepState } from "./history/port.ts";
export { sqlite } from "./history/sqlite.ts";
export { workflowHandler } from "./http/handler.ts";
