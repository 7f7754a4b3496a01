import { computeError } from "../errors.ts";
import type { Caller, InternalRequestOptions } from "../infer/pending-request.ts";
import { prepareTensors } from "../infer/request.ts";
import type { Servable } from "../infer/servable.ts";
import type { InferOptions } from "../infer/server.ts";
import { classify } from "./classification.ts";
import type { ProtocolReply, ProtocolRequest } from "./exchange.ts";
import type { InferRequest, RequestedOutput } from "./infer-request.ts";
import type { InferAnswer } from "./infer-response.ts";
import type { RouterContext } from "./router.ts";

type Options = InferOptions & InternalRequestOptions;

/** `POST /v2/models/{model}/infer`. */
export async function answerInfer(
  { server, codec }: RouterContext,
  request: ProtocolRequest,
  name: string,
  version: string | undefined,
): Promise<ProtocolReply> {
  // Whoever asks for what is not there is told before the body has come.
  if (!server.knows(name)) await server.find(name, version);
  const jsonLength = jsonLengthOf(request);
  const coming = request.body();
  const body = coming instanceof Promise ? await coming : coming;
  const opening = server.open(name, { caller: request }, body.byteLength);
  const entry = opening instanceof Promise ? await opening : opening;
  const owned = server.buffers.owns(body) ? (body.buffer as ArrayBuffer) : null;
  const reading = codec.read(body, jsonLength, entry.require(version).signature);
  const message = reading instanceof Promise ? await reading : reading;
  const options = inferOptions(message, request, version);
  const model = entry.choose(options);
  const outputs = await entry.inferOn(model, prepareTensors(model, message.inputs, owned), options);
  const reply = codec.write(inferAnswer(model, message, outputs));
  // An ensemble may answer with what it was given.
  if (model.ensemble === null) {
    if (owned !== null) server.buffers.give(owned);
    request.release?.();
  }
  return reply;
}

export function inferOptions(
  { deadlineMs, priority, sequence }: InferRequest,
  caller: Caller,
  version: string | undefined,
): Options {
  const options: { -readonly [Key in keyof Options]: Options[Key] } = { caller };
  if (version !== undefined) options.version = version;
  if (deadlineMs !== null) options.deadlineMs = deadlineMs;
  if (priority !== null) options.priority = priority;
  if (sequence !== null) options.sequence = sequence;
  return options;
}

export function inferAnswer(model: Servable, message: InferRequest, outputs: InferAnswer["outputs"]): InferAnswer {
  const requested = message.outputs;
  const answer = { model: model.name, version: model.version, id: message.id, requested, outputs };
  if (requested.every(isWhole)) return answer;
  const classified = { ...outputs };
  for (const { name, classes } of requested) {
    const tensor = outputs[name];
    if (classes === null || tensor === undefined) continue;
    const labels = model.settings?.labels[name] ?? [];
    classified[name] = classify(tensor, classes, labels, model.signature.batchable);
  }
  return { ...answer, outputs: classified };
}

function isWhole({ classes }: RequestedOutput): boolean {
  return classes === null;
}

function jsonLengthOf(request: ProtocolRequest): number | null {
  const header = request.header("inference-header-content-length");
  if (header === undefined) return null;
  if (/^\d{1,15}$/.test(header)) return Number(header);
  const what = `Inference-Header-Content-Length is ${JSON.stringify(header.slice(0, 60))}`;
  throw computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "it is the length of the JSON in bytes" });
}
