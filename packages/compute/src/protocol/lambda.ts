import type { WorkerInferenceServer } from "../infer/inference-server.ts";
import { collectBody } from "./body.ts";
import { type ProtocolOptions, resolveProtocolOptions } from "./options.ts";
import { createRouter } from "./router.ts";

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
  const answer = createRouter(server, resolved);
  return async (event, context) => {
    const headers = lowerCased(event.headers ?? {});
    const bytes = Buffer.from(event.body ?? "", event.isBase64Encoded === true ? "base64" : "utf8");
    const remaining = context?.getRemainingTimeInMillis?.();
    const reply = await answer({
      method: event.requestContext.http.method,
      path: event.rawPath,
      header: (name) => headers.get(name),
      signal: remaining === undefined ? undefined : AbortSignal.timeout(Math.max(0, Math.floor(remaining - 100))),
      body: () =>
        collectBody(
          {
            contentLength: String(bytes.byteLength),
            contentEncoding: headers.get("content-encoding"),
            read(onChunk, onEnd) {
              onChunk(bytes);
              onEnd();
            },
            stop: () => {},
          },
          resolved,
        ),
    });
    const isBase64Encoded = typeof reply.body !== "string";
    const body = typeof reply.body === "string" ? reply.body : Buffer.from(reply.body).toString("base64");
    return { statusCode: reply.status, headers: reply.headers, body, isBase64Encoded };
  };
}

function lowerCased(headers: Readonly<Record<string, string | undefined>>): Map<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name.toLowerCase(), value] as const],
  );
  return new Map(entries);
}
