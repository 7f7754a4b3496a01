import { computeError } from "../errors.ts";
import type { ModelEntry } from "../infer/model-entry.ts";
import type { Caller, InternalRequestOptions, Receiver } from "../infer/pending-request.ts";
import { prepareTensors } from "../infer/request.ts";
import type { Servable } from "../infer/servable.ts";
import type { InferOptions } from "../infer/server.ts";
import { classify } from "./classification.ts";
import { errorReply, type ProtocolReply, type ProtocolRequest } from "./exchange.ts";
import type { InferRequest, RequestedOutput } from "./infer-request.ts";
import type { InferAnswer } from "./infer-response.ts";
import type { RouterContext } from "./router.ts";

type Options = InferOptions & InternalRequestOptions;

/** What a request is sent to; without a version, to the one that is to answer. */
export interface InferTarget {
  readonly name: string;
  readonly version: string | undefined;
}

/** `POST /v2/models/{model}/infer`. */
export function answerInfer(
  context: RouterContext,
  request: ProtocolRequest,
  target: InferTarget,
  respond: (reply: ProtocolReply) => void,
): void {
  new InferExchange(context, request, target, respond).begin();
}

/**
 * One request on its way to its answer. Its steps follow one another in the turn in which it came, without a promise, where
 * nothing has to be waited for: of a small request the promises were a tenth.
 */
class InferExchange implements Receiver {
  readonly #context: RouterContext;
  readonly #request: ProtocolRequest;
  readonly #target: InferTarget;
  readonly #respond: (reply: ProtocolReply) => void;
  /** The buffer of the body where nothing else lies in it. */
  #owned: ArrayBuffer | null = null;
  #message: InferRequest | null = null;
  #model: Servable | null = null;

  constructor(
    context: RouterContext,
    request: ProtocolRequest,
    target: InferTarget,
    respond: (reply: ProtocolReply) => void,
  ) {
    this.#context = context;
    this.#request = request;
    this.#target = target;
    this.#respond = respond;
  }

  begin(): void {
    try {
      const { server } = this.#context;
      const { name, version } = this.#target;
      // Whoever asks for what is not there is told before the body has come.
      if (server.knows(name)) this.#readBody();
      else this.#after(server.find(name, version), () => this.#readBody());
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #readBody(): void {
    const jsonLength = jsonLengthOf(this.#request);
    this.#after(this.#request.body(), (body) => this.#open(body, jsonLength));
  }

  #open(body: Uint8Array, jsonLength: number | null): void {
    const { server } = this.#context;
    if (server.buffers.owns(body)) this.#owned = body.buffer as ArrayBuffer;
    const opening = server.open(this.#target.name, { caller: this.#request }, body.byteLength);
    this.#after(opening, (entry) => this.#read(entry, body, jsonLength));
  }

  #read(entry: ModelEntry, body: Uint8Array, jsonLength: number | null): void {
    const signature = entry.signatureOf(this.#target.version);
    this.#after(this.#context.codec.read(body, jsonLength, signature), (message) => this.#submit(entry, message));
  }

  #submit(entry: ModelEntry, message: InferRequest): void {
    const options = inferOptions(message, this.#request, this.#target.version);
    const model = entry.choose(options);
    this.#message = message;
    this.#model = model;
    entry.inferOn(model, prepareTensors(model, message.inputs, this.#owned), options, this);
  }

  succeed(outputs: InferAnswer["outputs"]): void {
    const [model, message] = [this.#model, this.#message];
    if (model === null || message === null) return;
    try {
      const reply = this.#context.codec.write(inferAnswer(model, message, outputs));
      // An ensemble may answer with what it was given.
      if (model.ensemble === null) {
        if (this.#owned !== null) this.#context.server.buffers.give(this.#owned);
        this.#request.release?.();
      }
      this.#after(reply, this.#respond);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  fail(error: Error): void {
    this.#respond(errorReply(error));
  }

  #after<Value>(value: Value | Promise<Value>, next: (value: Value) => void): void {
    if (value instanceof Promise) value.then(next).catch((error: Error) => this.fail(error));
    else next(value);
  }
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
