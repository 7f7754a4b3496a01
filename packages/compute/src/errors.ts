import { type ErrorFactory, errorFactory } from "@ashlar/core";

/** Every error this package throws on purpose. */
export const computeErrors = {
  ONNX_MALFORMED: {
    status: 400,
    retryable: false,
    message: (d: { reason: string; offset: number }): string =>
      `The bytes are not a readable ONNX model: ${d.reason} at byte ${d.offset}. Check that the file is whole, and export it again.`,
  },
  ONNX_UNENCODABLE: {
    status: 400,
    retryable: false,
    message: (d: { what: string; rule: string }): string =>
      `The ONNX model cannot be written: ${d.what}, but ${d.rule}. Correct the graph before encoding it.`,
  },
  DATASET_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { what: string; rule: string; remedy: string }): string =>
      `The data cannot be used for training: ${d.what}, but ${d.rule}. ${d.remedy}`,
  },
  LABEL_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { label: string; what: string; rule: string }): string =>
      `The label column "${d.label}" ${d.what}, but ${d.rule}. Clean the label or filter those rows before training.`,
  },
  HYPERPARAMETER_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { name: string; value: string; rule: string }): string =>
      `The option ${d.name} is ${d.value}, but it must be ${d.rule}. Nothing was trained; correct the option.`,
  },
  PREDICTION_INPUT_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { what: string; features: number }): string =>
      `The rows cannot be predicted: ${d.what}. Give ${d.features} values per row, row after row, or one column per feature.`,
  },
  TRAINING_DIVERGED: {
    status: 422,
    retryable: false,
    message: (d: { kind: string; step: number; loss: string }): string =>
      `Training of the ${d.kind} model diverged at step ${d.step}: the loss is ${d.loss}. Lower learningRate or raise l2.`,
  },
  WORKER_DIED: {
    status: 500,
    retryable: true,
    message: (d: { rank: number; workers: number; reason: string }): string =>
      `Training worker ${d.rank} of ${d.workers} died: ${d.reason}. All workers were stopped; start again, and with a checkpoint it goes on where it was.`,
  },
  CHECKPOINT_MISMATCH: {
    status: 409,
    retryable: false,
    message: (d: { key: string; what: string }): string =>
      `The checkpoint "${d.key}" belongs to another training: ${d.what}. Use another key, or delete it to start over.`,
  },
  CHECKPOINT_UNREADABLE: {
    status: 409,
    retryable: false,
    message: (d: { key: string; reason: string }): string =>
      `The object "${d.key}" is not a checkpoint of this package: ${d.reason}. Nothing was overwritten; use another key.`,
  },
  MODEL_JSON_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { what: string; rule: string }): string =>
      `The saved model cannot be read: ${d.what}, but ${d.rule}. Use the value that toJSON() returned, unchanged.`,
  },
  LIBRARY_MISSING: {
    status: 500,
    retryable: false,
    message: (d: { library: string; range: string; purpose: string }): string =>
      `The library ${d.library} is needed ${d.purpose} and is not installed. Run: npm install ${d.library}@"${d.range}", or hand the module in.`,
  },
  INFERENCE_OPTION_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { name: string; value: string; rule: string }): string =>
      `The inference option ${d.name} is ${d.value}, but it must be ${d.rule}. Nothing was changed; correct the option.`,
  },
  MODEL_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { model: string; loaded: string }): string =>
      `There is no model ${d.model} on this server. Load it first, or use one of: ${d.loaded}.`,
  },
  MODEL_ALREADY_LOADED: {
    status: 409,
    retryable: false,
    message: (d: { model: string; version: string }): string =>
      `The model "${d.model}" is loaded already, as version ${d.version}. Use swap() to replace it, or unload() it first.`,
  },
  MODEL_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { model: string; reason: string }): string =>
      `The model "${d.model}" cannot be loaded: ${d.reason}. Nothing was changed; check the file with onnx.checker and export it again.`,
  },
  MODEL_CONFIG_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { model: string; file: string; what: string; rule: string; remedy: string }): string =>
      `The ${d.file} of the model "${d.model}" cannot be followed: ${d.what}, but ${d.rule}. Nothing was changed. ${d.remedy}`,
  },
  MODEL_WARMUP_FAILED: {
    status: 400,
    retryable: false,
    message: (d: { model: string; reason: string }): string =>
      `The model "${d.model}" failed its warm-up on zeros: ${d.reason}. Nothing was changed; load it with warmup: false if zeros are not a valid input.`,
  },
  MODEL_SIGNATURE_CHANGED: {
    status: 409,
    retryable: false,
    message: (d: { model: string; difference: string }): string =>
      `The new version of "${d.model}" has another signature: ${d.difference}. Load it under another name, or unload the old one first.`,
  },
  MODEL_NOT_ACCEPTED: {
    status: 409,
    retryable: false,
    message: (d: { model: string; version: string; compared: number; different: number; failures: number }): string =>
      `Version ${d.version} of "${d.model}" was not accepted: of ${d.compared} answers compared ${d.different} differ, and ${d.failures} requests failed. The present version goes on; look at the differences before trying again.`,
  },
  MODEL_UNAVAILABLE: {
    status: 503,
    retryable: true,
    message: (d: { model: string; reason: string }): string =>
      `The model "${d.model}" cannot answer now: ${d.reason}. Try again later, or on another server.`,
  },
  INFERENCE_INPUT_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { model: string; what: string; rule: string }): string =>
      `The input of "${d.model}" cannot be used: ${d.what}, but ${d.rule}. Correct the request; nothing was run.`,
  },
  INFERENCE_REQUEST_TOO_LARGE: {
    status: 400,
    retryable: false,
    message: (d: { model: string; rows: number; maxBatchRows: number }): string =>
      `The request for "${d.model}" has ${d.rows} rows, but a batch holds at most ${d.maxBatchRows}. Send several requests, or raise batching.maxBatchRows.`,
  },
  INFERENCE_QUEUE_FULL: {
    status: 503,
    retryable: true,
    message: (d: { model: string; queueLimit: number; unit?: "requests" | "bytes" }): string =>
      d.unit === "bytes"
        ? `The requests held for "${d.model}" while it is loaded have ${d.queueLimit} bytes, their limit. Try again after a pause, or raise holdMaxBytes.`
        : `The queue of "${d.model}" is full with ${d.queueLimit} requests. Try again after a pause, add instances, or raise batching.queueLimit.`,
  },
  INFERENCE_DEADLINE_EXCEEDED: {
    status: 503,
    retryable: true,
    message: (d: { model: string; deadlineMs: number }): string =>
      `The request for "${d.model}" was not answered within its deadline of ${d.deadlineMs} ms. Try again, or allow more time.`,
  },
  INFERENCE_RUN_TIMEOUT: {
    status: 503,
    retryable: false,
    message: (d: { model: string; runTimeoutMs: number }): string =>
      `A run of "${d.model}" took more than ${d.runTimeoutMs} ms and was given up; its instance is being replaced. Check the request, or raise runTimeoutMs.`,
  },
  CLUSTER_PROCESS_LOST: {
    status: 503,
    retryable: true,
    message: (d: { reason: string }): string =>
      `A process of the inference cluster is gone: ${d.reason}. What it was asked for was not done; it is started again, so try once more.`,
  },
  INFERENCE_INSTANCE_CRASHED: {
    status: 503,
    retryable: true,
    message: (d: { model: string; reason: string }): string =>
      `The instance of "${d.model}" that ran this batch died: ${d.reason}. It is being replaced; try again.`,
  },
  INFERENCE_FAILED: {
    status: 500,
    retryable: false,
    message: (d: { model: string; reason: string }): string =>
      `The model "${d.model}" could not run this batch: ${d.reason}. Check the request against the model's metadata.`,
  },
  SEQUENCE_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { model: string; id: string; what: string; rule: string }): string =>
      `The sequence "${d.id}" of "${d.model}" cannot go on: ${d.what}, but ${d.rule}. Begin a new sequence.`,
  },
  SEQUENCE_LIMIT_REACHED: {
    status: 503,
    retryable: true,
    message: (d: { model: string; maxSequences: number }): string =>
      `The model "${d.model}" has ${d.maxSequences} open sequences, which is its limit. End some, try again later, or raise sequence.maxSequences.`,
  },
  PROTOCOL_REQUEST_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { what: string; rule: string }): string =>
      `The inference request is not valid: ${d.what}, but ${d.rule}. Correct the request; nothing was run.`,
  },
  PROTOCOL_BODY_TOO_LARGE: {
    status: 413,
    retryable: false,
    message: (d: { limit: number }): string =>
      `The request body is larger than ${d.limit} bytes. Send several smaller requests, or raise maxBodyBytes.`,
  },
  PROTOCOL_BODY_TIMEOUT: {
    status: 408,
    retryable: true,
    message: (d: { bodyTimeoutMs: number }): string =>
      `The request body had not arrived whole after ${d.bodyTimeoutMs} ms. Send it faster, or raise bodyTimeoutMs.`,
  },
  PROTOCOL_OVERLOADED: {
    status: 503,
    retryable: true,
    message: (d: { limit: number }): string =>
      `Large JSON of ${d.limit} bytes is being read and written already, and that is the limit. Try again after a pause, send tensors in binary, or raise offloadMaxBytes.`,
  },
  PROTOCOL_UNSUPPORTED: {
    status: 501,
    retryable: false,
    message: (d: { what: string; remedy: string }): string => `${d.what} is not supported. ${d.remedy}`,
  },
  KERNEL_INPUT_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { kernel: string; what: string; rule: string }): string =>
      `The ${d.kernel} kernel cannot run: ${d.what}, but ${d.rule}. Correct the input; nothing was run.`,
  },
  KERNEL_BACKEND_UNAVAILABLE: {
    status: 503,
    retryable: false,
    message: (d: { backend: string; reason: string }): string =>
      `The kernel backend "${d.backend}" cannot be used: ${d.reason}. Ask for another backend, or let the runtime choose.`,
  },
  KERNEL_BACKEND_FAILED: {
    status: 500,
    retryable: false,
    message: (d: { backend: string; kernel: string; reason: string }): string =>
      `The kernel backend "${d.backend}" failed in ${d.kernel}: ${d.reason}. Ask for another backend, or let the runtime choose.`,
  },
} as const;

/** @see computeErrors */
export const computeError: ErrorFactory<typeof computeErrors> = errorFactory("compute", computeErrors);
