import type { SqlDatabase } from "@ashlar/core";

export type RunState = "running" | "succeeded" | "failed" | "cancelled";
export type StepState = "waiting" | "running" | "retrying" | "succeeded" | "failed" | "cancelled";

/** What made a run fail. */
export interface RunError {
  readonly step: string;
  readonly message: string;
  /** Of the step's error, when it was one of an Ashlar package, e.g. `STEP_TIMED_OUT`. */
  readonly code: string | undefined;
}

export interface RunRecord {
  readonly id: string;
  readonly workflow: string;
  readonly version: string;
  readonly state: RunState;
  readonly input: unknown;
  readonly output: unknown;
  readonly error: RunError | undefined;
  readonly cancelRequested: boolean;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly finishedAt: number | undefined;
}

export interface StepRecord {
  readonly name: string;
  readonly state: StepState;
  /** Attempts started, whatever became of them. */
  readonly attempts: number;
  /** Attempts that failed by themselves. */
  readonly failures: number;
  /** Attempts that ended with the death of their process. */
  readonly interruptions: number;
  /** Epoch milliseconds at which a retry is due. */
  readonly runAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly output: unknown;
  /** Message of the last failed attempt. */
  readonly error: string | undefined;
  /** Code of that failure, when it was an error of an Ashlar package, e.g. `STEP_TIMED_OUT`. */
  readonly errorCode: string | undefined;
}

/** One thing that happened in a run; `seq` orders all of them. */
export interface RunEvent {
  readonly seq: number;
  readonly run: string;
  readonly step: string | undefined;
  readonly type:
    | "run-started"
    | "run-resumed"
    | "run-retried"
    | "run-succeeded"
    | "run-failed"
    | "run-cancelled"
    | "step-started"
    | "step-succeeded"
    | "step-failed"
    | "step-retried"
    | "step-interrupted"
    | "step-cancelled";
  /** Epoch milliseconds. */
  readonly at: number;
  readonly detail: string | undefined;
}

/** Opens the database that runs are kept in. */
export type HistoryFactory = () => Promise<SqlDatabase>;
