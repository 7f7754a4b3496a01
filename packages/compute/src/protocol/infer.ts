import { computeError } from "../errors.ts";
import type { InternalRequestOptions } from "../infer/pending-request.ts";
import type { Servable } from "../infer/servable.ts";
import type { InferOptions } from "../infer/server.ts";
import { classify } from "./classification.ts";
import type { ProtocolReply, ProtocolRequest } from "./exchange.ts";
import type { InferRequest } from "./infer-request.ts";
import type { InferAnswer } from "./infer-response.ts";
import type { RouterContext } from "./router.ts";

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
  const body = await request.body();
  const opening = server.open(name, {});
  const entry = opening instanceof Promise ? await opening : opening;
  const reading = codec.read(body, jsonLength, entry.require(version).signature);
  const message = reading instanceof Promise ? await reading : reading;
  const options = inferOptions(message, () => request.signal, version);
  const model = entry.choose(options);
  const outputs = await entry.inferOn(model, message.inputs, options, true);
  return codec.write(inferAnswer(model, message, outputs));
}

export function inferOptions(
  message: InferRequest,
  lateSignal: () => AbortSignal | undefined,
  version: string | undefined,
): InferOptions & InternalRequestOptions {
  return {
    lateSignal,
    ...(version === undefined ? {} : { version }),
    ...(message.deadlineMs === null ? {} : { deadlineMs: message.deadlineMs }),
    ...(message.priority === null ? {} : { priority: message.priority }),
    ...(message.sequence === null ? {} : { sequence: message.sequence }),
  };
}

export function inferAnswer(model: Servable, message: InferRequest, outputs: InferAnswer["outputs"]): InferAnswer {
  const requested = message.outputs;
  const answer = { model: model.name, version: model.version, id: message.id, requested, outputs };
  if (requested.every(({ classes }) => classes === null)) return answer;
  const classified = { ...outputs };
  for (const { name, classes } of requested) {
    const tensor = outputs[name];
    if (classes === null || tensor === undefined) continue;
    const labels = model.settings?.labels[name] ?? [];
    classified[name] = classify(tensor, classes, labels, model.signature.batchable);
  }
  return { ...answer, outputs: classified };
}

function jsonLengthOf(request: ProtocolRequest): number | null {
  const header = request.header("inference-header-content-length");
  if (header === undefined) return null;
  if (/^\d{1,15}$/.test(header)) return Number(header);
  const what = `Inference-Header-Content-Length is ${JSON.stringify(header.slice(0, 60))}`;
  throw computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "it is the length of the JSON in bytes" });
}
