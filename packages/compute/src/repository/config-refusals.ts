import type { ConfigProblem } from "./model-config.ts";
import type { ConfigSequenceBatching, ConfigTensor, ModelConfig } from "./model-config-type.ts";

/** What would have other answers here than in Triton; what is only slower or quicker is no matter. */
export function* configProblems(model: string, config: ModelConfig): Generator<ConfigProblem> {
  yield* backendProblems(model, config);
  for (const [index, tensor] of (config.input ?? []).entries()) {
    yield* tensorProblems(`input[${index}]`, tensor);
    if (tensor.optional === true) {
      yield problem(`input[${index}].optional is true`, "every input of a model is given", "Leave it out.");
    }
    if (tensor.allow_ragged_batch === true) {
      const rule = "only requests with inputs of one shape share a run";
      yield problem(`input[${index}].allow_ragged_batch is true`, rule, "Leave it out, or pad the inputs.");
    }
  }
  for (const [index, tensor] of (config.output ?? []).entries()) {
    yield* tensorProblems(`output[${index}]`, tensor);
    yield* fileProblems(`output[${index}].label_filename`, tensor.label_filename, "config.pbtxt");
    if (config.ensemble_scheduling !== undefined && (tensor.label_filename ?? "") !== "") {
      const what = `output[${index}].label_filename is given`;
      yield problem(what, "classes of an ensemble have no names", "Leave it out, or ask the model of the step.");
    }
  }
  yield* fileProblems("default_model_filename", config.default_model_filename, "the others in the folder of a version");
  yield* batchingProblems(config);
  yield* instanceProblems(config);
  const { sequence_batching: sequence } = config;
  if (sequence !== undefined) yield* sequenceProblems(sequence);
}

function problem(what: string, rule: string, remedy: string): ConfigProblem {
  return { what, rule, remedy };
}

function* backendProblems(model: string, config: ModelConfig): Generator<ConfigProblem> {
  const { name = "", platform = "", backend = "", ensemble_scheduling: ensemble } = config;
  if (name !== "" && name !== model) {
    yield problem(`name is "${name}"`, "the name of a model is that of its folder", "Rename one of them.");
  }
  for (const [field, value, known] of [
    ["platform", platform, ["", "onnxruntime_onnx", "ensemble"]],
    ["backend", backend, ["", "onnxruntime"]],
  ] as const) {
    if (known.some((accepted) => accepted === value)) continue;
    yield problem(`${field} is "${value}"`, "models are run by ONNX Runtime", "Export the model to ONNX.");
  }
  if (platform === "ensemble" && ensemble === undefined) {
    yield problem('platform is "ensemble"', "an ensemble has steps", "Give ensemble_scheduling.");
  }
  if (config.model_transaction_policy?.decoupled === true) {
    const what = "model_transaction_policy.decoupled is true";
    yield problem(what, "a request has one answer", "Leave it out; ONNX Runtime has no such models either.");
  }
  if ((config.model_operations?.op_library_filename ?? []).length > 0) {
    const rule = "no library of operators is loaded";
    yield problem("model_operations.op_library_filename is given", rule, "Export the model with standard operators.");
  }
  if ((config.model_repository_agents?.agents ?? []).length > 0) {
    const remedy = "Check the files before they come here, or serve a registry, which holds models to their digest.";
    yield problem("model_repository_agents.agents is given", "no agent looks at a model", remedy);
  }
}

function* tensorProblems(path: string, tensor: ConfigTensor): Generator<ConfigProblem> {
  if ((tensor.name ?? "") === "") yield problem(`${path}.name is missing`, "tensors have names", "Give it.");
  if (tensor.reshape !== undefined) {
    const remedy = "Give the shape of the model itself as dims (none for one number a row), and leave reshape out.";
    yield problem(`${path}.reshape is given`, "tensors go to and from the model in their own shape", remedy);
  }
  for (const field of ["is_shape_tensor", "is_non_linear_format_io"] as const) {
    if (tensor[field] === true) yield problem(`${path}.${field} is true`, "only TensorRT has such", "Leave it out.");
  }
}

function* fileProblems(path: string, file: string | undefined, neighbour: string): Generator<ConfigProblem> {
  if (file === undefined || file === "" || isPlainFile(file)) return;
  yield problem(`${path} is "${file}"`, `the file lies beside ${neighbour}`, "Put it there and give its name alone.");
}

/** A name without folders. */
export function isPlainFile(name: string): boolean {
  return /^(?!\.{1,2}$)[^/\\\0]{1,255}$/.test(name);
}

function* batchingProblems(config: ModelConfig): Generator<ConfigProblem> {
  const kinds = ["dynamic_batching", "sequence_batching", "ensemble_scheduling"] as const;
  const given = kinds.filter((kind) => config[kind] !== undefined);
  if (given.length > 1) yield problem(`${given.join(" and ")} are given`, "a model has one of them", "Choose one.");
  const policies = Object.keys(config.version_policy ?? {});
  if (policies.length > 1) {
    yield problem(`version_policy has ${policies.join(" and ")}`, "it has one of them", "Choose one.");
  }
  for (const field of ["batch_input", "batch_output"] as const) {
    if ((config[field] ?? []).length === 0) continue;
    yield problem(`${field} is given`, "a model gets what its requests bring and no more", "Leave it out.");
  }
  const { max_batch_size: most, dynamic_batching: dynamic, sequence_batching: sequence } = config;
  const preferred = [...(dynamic?.preferred_batch_size ?? []), ...(sequence?.oldest?.preferred_batch_size ?? [])];
  const tooLarge = most === undefined ? undefined : preferred.find((rows) => rows > most);
  if (tooLarge !== undefined) {
    const rule = `a batch has at most max_batch_size rows, which is ${most}`;
    yield problem(`preferred_batch_size has ${tooLarge}`, rule, "Correct one of them.");
  }
  if (dynamic === undefined) return;
  const { priority_levels: levels = 0, default_priority_level: usual = 0, priority_queue_policy: policy } = dynamic;
  if (levels > 9) {
    const remedy = "Join some of them.";
    yield problem(`dynamic_batching.priority_levels is ${levels}`, "there are at most 9 priorities", remedy);
  }
  if (usual > levels || (levels > 0 && usual === 0)) {
    const rule = `it is one of the priority_levels, of which there are ${levels}`;
    yield problem(`dynamic_batching.default_priority_level is ${usual}`, rule, "Correct one of them.");
  }
  for (const level of policy?.keys() ?? []) {
    if (level >= 1 && level <= levels) continue;
    const rule = `its keys are priority levels, of which there are ${levels}`;
    yield problem(`dynamic_batching.priority_queue_policy has ${level}`, rule, "Correct one of them.");
  }
}

function* instanceProblems(config: ModelConfig): Generator<ConfigProblem> {
  for (const [index, group] of (config.instance_group ?? []).entries()) {
    const path = `instance_group[${index}]`;
    if (group.kind === "KIND_GPU") {
      const remedy = "Give KIND_CPU, or KIND_AUTO for both servers.";
      yield problem(`${path}.kind is KIND_GPU`, "models run on the CPU", remedy);
    }
    if (group.passive === true)
      yield problem(`${path}.passive is true`, "every instance gets requests", "Leave it out.");
    for (const field of ["secondary_devices", "profile"] as const) {
      if ((group[field] ?? []).length > 0)
        yield problem(`${path}.${field} is given`, "only TensorRT has such", "Leave it out.");
    }
  }
}

function* sequenceProblems(sequence: ConfigSequenceBatching): Generator<ConfigProblem> {
  const { state: states = [], control_input: controls = [], direct, oldest } = sequence;
  const remedy = "Make the state an input and an output of the model, and name both in sequence_batching.state.";
  if (states.length === 0) {
    yield problem("sequence_batching has no state", "a sequence is what its state goes on in", remedy);
  }
  if (controls.length > 0) {
    const rule = "a model is not told where a sequence begins and ends: its state is zeros at the beginning";
    const instead = "Export the model without this input, and name its state in sequence_batching.state.";
    yield problem("sequence_batching.control_input[0] is given", rule, instead);
  }
  if (sequence.iterative_sequence === true) {
    yield problem("sequence_batching.iterative_sequence is true", "a request is run once", "Leave it out.");
  }
  if (direct !== undefined && oldest !== undefined) {
    yield problem("sequence_batching has direct and oldest", "it has one strategy", "Choose one.");
  }
  for (const [index, { dims = [], initial_state: initial = [] }] of states.entries()) {
    for (const begin of initial) {
      const path = `sequence_batching.state[${index}].initial_state`;
      if (begin.data_file !== undefined) {
        yield problem(`${path}.data_file is given`, "a state begins with zeros", "Give zero_data: true.");
      }
      const shape = begin.dims ?? [];
      if (dims.some((length, axis) => (shape[axis] ?? 1) !== (length === -1 ? 1 : length))) {
        const rule = "an axis of the state that varies has length 1 at the beginning";
        yield problem(`${path}.dims is [${shape.join(", ")}]`, rule, "Give these lengths, or leave initial_state out.");
      }
    }
  }
}
