import { computeError } from "../errors.ts";
import type { Servable } from "../infer/servable.ts";
import { arrayConstructor, elementCount, type Tensor, type TensorSpec } from "../infer/tensor.ts";
import { datatypeOf } from "./datatypes.ts";
import { jsonTextReply, type ProtocolReply, type ProtocolRequest } from "./exchange.ts";
import { parseJson } from "./json.ts";
import { readJsonData, writeJsonData } from "./json-data.ts";
import type { RouterContext } from "./router.ts";

/**
 * The generate extension: inputs by name as plain JSON values, `{ "text_input": "..." }`, and outputs the same way.
 * `generate_stream` gives server-sent events; a model that answers once gives one.
 */
export async function answerGenerate(
  { server }: RouterContext,
  request: ProtocolRequest,
  name: string,
  version: string | undefined,
  stream: boolean,
): Promise<ProtocolReply> {
  const model = await server.find(name, version);
  const body = new TextDecoder().decode(await request.body());
  const given = parseJson(body, true);
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw computeError("PROTOCOL_REQUEST_INVALID", { what: "the body is no object", rule: "it holds inputs by name" });
  }
  const inputs = readInputs(model, given as Readonly<Record<string, unknown>>);
  const { signal } = request;
  const options = { ...(signal === undefined ? {} : { signal }), ...(version === undefined ? {} : { version }) };
  const outputs = await server.inferOwned(name, inputs, options, true);
  const written = Object.entries(outputs).map(([output, tensor]) => {
    const data = writeJsonData(output, datatypeOf(tensor.type), tensor.data);
    return `${JSON.stringify(output)}:${tensor.data.length === 1 ? data.slice(1, -1) : data}`;
  });
  const names = `"model_name":${JSON.stringify(model.name)},"model_version":${JSON.stringify(model.version)}`;
  const json = `{${[names, ...written].join(",")}}`;
  if (!stream) return jsonTextReply(json);
  return { status: 200, headers: { "content-type": "text/event-stream" }, body: `data: ${json}\n\n` };
}

/** Keys that are no inputs are parameters, which an ONNX model has no use for. */
function readInputs(model: Servable, given: Readonly<Record<string, unknown>>): Record<string, Tensor> {
  const inputs = model.signature.inputs.map((spec) => [spec.name, readInput(model, spec, given[spec.name])] as const);
  return Object.fromEntries(inputs);
}

function readInput(model: Servable, spec: TensorSpec, value: unknown): Tensor {
  if (value === undefined) {
    const what = `the input "${spec.name}" is missing`;
    throw computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "each input is a key of the body" });
  }
  const data: readonly unknown[] = Array.isArray(value) ? value.flat(32) : [value];
  const shape = fill(spec, data.length, model.signature.batchable);
  if (arrayConstructor(spec.type) !== null && data.length === 0) return { shape, data: [] };
  return { shape, data: readJsonData(spec.name, datatypeOf(spec.type), shape, data) };
}

/** One row, and the one axis that varies beyond it takes what there is. */
function fill(spec: TensorSpec, count: number, batchable: boolean): number[] {
  const shape = spec.shape.map((length, axis) => (batchable && axis === 0 ? 1 : length));
  const known = elementCount(shape.map((length) => length ?? 1));
  let left = known === 0 ? 0 : count / known;
  return shape.map((length) => {
    if (length !== null) return length;
    const taken = left;
    left = 1;
    return taken;
  });
}
