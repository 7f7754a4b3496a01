import { type ErrorFactory, errorFactory } from "@ashlar/core";

/** Every error the app itself throws on purpose. */
export const referenceErrors = {
  OPTION_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { option: string; value: string; rule: string }): string =>
      `${d.option} ${d.value} is not allowed: ${d.rule}. Run with --help to see the options.`,
  },
  PORT_IN_USE: {
    status: 409,
    retryable: true,
    message: (d: { port: number }): string =>
      `Port ${d.port} is in use. Choose another with --port, or --port 0 for any free one.`,
  },
  DATA_DIRECTORY_UNUSABLE: {
    status: 500,
    retryable: false,
    message: (d: { path: string; reason: string }): string =>
      `The data directory ${d.path} cannot be used: ${d.reason}. Choose another with --data; nothing was changed.`,
  },
  DATA_DIRECTORY_TOO_NEW: {
    status: 500,
    retryable: false,
    message: (d: { path: string; found: number; known: number }): string =>
      `The data directory ${d.path} was written by version ${d.found} of its layout, and this code knows ${d.known}. Upgrade, or choose another with --data; nothing was changed.`,
  },
  TABLE_FILE_CORRUPT: {
    status: 500,
    retryable: false,
    message: (d: { file: string; expected: string; actual: string }): string =>
      `The table file ${d.file} is not what was written: its SHA-256 is ${d.actual}, and ${d.expected} was recorded. Restore it, or start again with --fresh; nothing was overwritten.`,
  },
  SOURCE_MISSING: {
    status: 500,
    retryable: false,
    message: (d: { file: string }): string =>
      `The source data ${d.file} is not there. Run npm install, which brings it with the package vega-datasets.`,
  },
  PREDICTION_INPUT_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { field: string; expected: string }): string =>
      `The field "${d.field}" must be ${d.expected}. Send { "flights": [{ "origin": "JFK", "destination": "LAX", "distance": 2475, "date": "2001-06-15T17:00:00Z" }] }.`,
  },
  NOT_READY: {
    status: 503,
    retryable: true,
    message: (d: { what: string }): string => `${d.what} is not ready yet. Ask /readyz, and try again when it says so.`,
  },
} as const;

/** @see referenceErrors */
export const referenceError: ErrorFactory<typeof referenceErrors> = errorFactory("reference", referenceErrors);
