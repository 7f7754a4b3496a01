import type { WorkerInferenceServer } from "../infer/inference-server.ts";
import { computeError } from "../errors.ts";
import { collectBody } from "./body.ts";
import { wholeBody } from "./exchange.ts";
import { bodyRules, type ProtocolOptions, resolveProtocolOptions } from "./options.ts";
import { type LambdaEvent, readLambdaEvent } from "./lambda-event.ts";
import { createRouter, replyOf } from "./router.ts";

export interface LambdaResult {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The same where the event had lists of values: a load balancer then looks for nothing else. */
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

export type LambdaHandler = (
  event: LambdaEvent,
  context?: { getRemainingTimeInMillis?(): number },
) => Promise<LambdaResult>;

/**
 * The protocol as an AWS Lambda handler: `export const handler = server.lambda()`. Binary bodies go in and out in
 * base64, as the platform has it; a request may take what is left of the function's time when `getRemainingTimeInMillis`
 * is there. It reads the events of API Gateway, of load balancers and of function URLs; of any other it throws
 * PROTOCOL_REQUEST_INVALID.
 *
 * @throws INFERENCE_OPTION_INVALID
 */
export function lambdaHandler(server: WorkerInferenceServer, options: ProtocolOptions = {}): LambdaHandler {
  const resolved = resolveProtocolOptions(options);
  const rules = bodyRules(resolved, server.buffers);
  const answer = createRouter(server, resolved);
  return async (event, context) => {
    const { method, path, headers, bytes, multiValue } = readLambdaEvent(event);
    const deadline = deadlineOf(path, context?.getRemainingTimeInMillis?.());
    const reply = await replyOf(answer, {
      method,
      path,
      header: (name) => headers.get(name),
      signal: deadline.signal,
      body: () =>
        collectBody(
          {
            contentLength: String(bytes.byteLength),
            contentEncoding: headers.get("content-encoding"),
            ownsPieces: true,
            read(collector) {
              collector.add(bytes);
              collector.end();
            },
            stop: () => {},
          },
          rules,
        ),
    }).finally(deadline.end);
    const whole = wholeBody(reply);
    const isBase64Encoded = typeof whole !== "string";
    const body = isBase64Encoded
      ? Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength).toString("base64")
      : whole;
    const result = { statusCode: reply.status, headers: reply.headers, body, isBase64Encoded };
    if (!multiValue) return result;
    const lists = Object.entries(reply.headers).map(([name, value]) => [name, [value]] as const);
    return { ...result, multiValueHeaders: Object.fromEntries(lists) };
  };
}

/** What the answer needs after the model is done. */
const reserveMs = 100;

/** Aborts a little before the platform would end the function, so that the client gets an answer. */
function deadlineOf(
  path: string,
  remaining: number | undefined,
): { readonly signal: AbortSignal | undefined; readonly end: () => void } {
  if (remaining === undefined) return { signal: undefined, end: () => {} };
  const controller = new AbortController();
  const deadlineMs = Math.max(0, remaining - reserveMs);
  const late = (): void =>
    controller.abort(computeError("INFERENCE_DEADLINE_EXCEEDED", { model: path.slice(0, 200), deadlineMs }));
  const timer = setTimeout(late, deadlineMs);
  return { signal: controller.signal, end: () => clearTimeout(timer) };
}
