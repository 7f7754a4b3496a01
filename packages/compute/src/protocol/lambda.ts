import type { WorkerInferenceServer } from "../infer/inference-server.ts";
import { computeError } from "../errors.ts";
import { collectBody } from "./body.ts";
import { wholeBody } from "./exchange.ts";
import { bodyRules, type ProtocolOptions, resolveProtocolOptions } from "./options.ts";
import { createRouter, replyOf } from "./router.ts";

/** The part of an event of payload format 2.0 that is read: API Gateway HTTP APIs and function URLs send it. */
export interface LambdaEvent {
  readonly rawPath: string;
  readonly requestContext: { readonly http: { readonly method: string } };
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

export interface LambdaResult {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
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
 * is there.
 *
 * @throws INFERENCE_OPTION_INVALID
 */
export function lambdaHandler(server: WorkerInferenceServer, options: ProtocolOptions = {}): LambdaHandler {
  const resolved = resolveProtocolOptions(options);
  const rules = bodyRules(resolved, server.buffers);
  const answer = createRouter(server, resolved);
  return async (event, context) => {
    const headers = lowerCased(event.headers ?? {});
    const bytes = Buffer.from(event.body ?? "", event.isBase64Encoded === true ? "base64" : "utf8");
    const deadline = deadlineOf(event, context?.getRemainingTimeInMillis?.());
    const reply = await replyOf(answer, {
      method: event.requestContext.http.method,
      path: event.rawPath,
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
    return { statusCode: reply.status, headers: reply.headers, body, isBase64Encoded };
  };
}

/** What the answer needs after the model is done. */
const reserveMs = 100;

/** Aborts a little before the platform would end the function, so that the client gets an answer. */
function deadlineOf(
  { rawPath }: LambdaEvent,
  remaining: number | undefined,
): { readonly signal: AbortSignal | undefined; readonly end: () => void } {
  if (remaining === undefined) return { signal: undefined, end: () => {} };
  const controller = new AbortController();
  const deadlineMs = Math.max(0, remaining - reserveMs);
  const late = (): void =>
    controller.abort(computeError("INFERENCE_DEADLINE_EXCEEDED", { model: rawPath.slice(0, 200), deadlineMs }));
  const timer = setTimeout(late, deadlineMs);
  return { signal: controller.signal, end: () => clearTimeout(timer) };
}

function lowerCased(headers: Readonly<Record<string, string | undefined>>): Map<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name.toLowerCase(), value] as const],
  );
  return new Map(entries);
}
