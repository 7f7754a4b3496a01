import { type ErrorFactory, errorFactory } from "@ashlar/core";

/** Every error this package throws on purpose. */
export const orchestrationErrors = {
  WORKFLOW_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { workflow: string; problem: string }): string =>
      `The workflow "${d.workflow}" cannot run: ${d.problem}. Correct its definition.`,
  },
  WORKFLOW_UNKNOWN: {
    status: 404,
    retryable: false,
    message: (d: { workflow: string }): string =>
      `The workflow "${d.workflow}" is not known to this engine. Pass it to createEngine({ workflows }).`,
  },
  WORKFLOW_CHANGED: {
    status: 409,
    retryable: false,
    message: (d: { run: string; workflow: string; started: string; now: string }): string =>
      `The run ${d.run} was started with version ${d.started} of "${d.workflow}", and this code has ${d.now}. Finish it with the code that started it, or cancel it and start again.`,
  },
  INPUT_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { workflow: string; field: string; expected: string; actual: string }): string =>
      `The input "${d.field}" of "${d.workflow}" must be ${d.expected}, and it is ${d.actual}. Nothing was started.`,
  },
  RUN_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { run: string }): string => `There is no run ${d.run}. List the runs to see those there are.`,
  },
  IDEMPOTENCY_CONFLICT: {
    status: 409,
    retryable: false,
    message: (d: { key: string; run: string }): string =>
      `The idempotency key "${d.key}" belongs to run ${d.run}, which has another workflow or input. Use another key.`,
  },
  RUN_OWNED: {
    status: 409,
    retryable: true,
    message: (d: { run: string; owner: string }): string =>
      `The run ${d.run} is being carried out by ${d.owner}, which is alive. Wait for it, or stop that process.`,
  },
  RUN_FENCED: {
    status: 409,
    retryable: false,
    message: (d: { run: string; epoch: number }): string =>
      `This engine held the run ${d.run} in epoch ${d.epoch}, and another has taken it over since. Its result was not written.`,
  },
  RUN_FAILED: {
    status: 500,
    retryable: false,
    // `code` is that of the step's own error, where it had one.
    message: (d: { run: string; step: string; reason: string; code?: string | undefined }): string =>
      `The run ${d.run} failed in the step "${d.step}": ${d.reason}`,
  },
  RUN_CANCELLED: {
    status: 409,
    retryable: false,
    message: (d: { run: string }): string => `The run ${d.run} was cancelled.`,
  },
  RUN_NOT_RETRYABLE: {
    status: 409,
    retryable: false,
    message: (d: { run: string; state: string }): string =>
      `The run ${d.run} is ${d.state}; only a failed or cancelled run can be retried. Start a new run instead.`,
  },
  STEP_TIMED_OUT: {
    status: 504,
    retryable: true,
    message: (d: { step: string; timeoutMs: number }): string =>
      `The step "${d.step}" did not finish within ${d.timeoutMs} ms. Give it a longer timeout, or make it honour its signal and work in smaller parts.`,
  },
  STEP_OUTPUT_INVALID: {
    status: 500,
    retryable: false,
    message: (d: { step: string; reason: string }): string =>
      `The result of the step "${d.step}" cannot be kept: ${d.reason}. Return plain data; put large results into an artifact store and return the digest.`,
  },
  STEP_INTERRUPTED: {
    status: 500,
    retryable: true,
    message: (d: { step: string; interruptions: number }): string =>
      `The step "${d.step}" was interrupted ${d.interruptions} times by the death of its process, more than its preemption budget allows. See why the process dies, then start again.`,
  },
} as const;

/** @see orchestrationErrors */
export const orchestrationError: ErrorFactory<typeof orchestrationErrors> = errorFactory(
  "orchestration",
  orchestrationErrors,
);
