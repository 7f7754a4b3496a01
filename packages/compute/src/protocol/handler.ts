import type { WorkerInferenceServer } from "../infer/inference-server.ts";
import { wholeBody } from "./exchange.ts";
import { fromFetch } from "./fetch-request.ts";
import { bodyRules, type ProtocolOptions, resolveProtocolOptions } from "./options.ts";
import { createRouter, replyOf } from "./router.ts";

/**
 * The Open Inference Protocol v2 over HTTP with Triton's extensions, as a fetch-shaped handler. A client that goes away
 * takes its waiting request back.
 *
 * Errors are `{ "error": message }`; the statuses follow Triton: 400, 404, 500, 501, 503, with 408 and 413 for bodies
 * that are too slow or too large.
 *
 * @see https://github.com/kserve/open-inference-protocol
 * @throws INFERENCE_OPTION_INVALID
 */
export function createProtocolHandler(
  server: WorkerInferenceServer,
  options: ProtocolOptions = {},
): (request: Request) => Promise<Response> {
  const resolved = resolveProtocolOptions(options);
  const rules = bodyRules(resolved, server.buffers);
  const answer = createRouter(server, resolved);
  return async (request) => {
    const reply = await replyOf(answer, fromFetch(request, rules));
    const { status, headers } = reply;
    return new Response(request.method === "HEAD" ? null : wholeBody(reply), { status, headers });
  };
}
