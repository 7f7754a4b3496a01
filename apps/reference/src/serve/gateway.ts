import type { AuditSink } from "@ashlar/core";
import { createGateway, type Gateway, type Route } from "@ashlar/networking";
import { registryHandler } from "@ashlar/model-registry";
import { type Engine, workflowHandler } from "@ashlar/orchestration";
import { consoleHandler } from "../console/handler.ts";
import type { ConsoleState } from "../console/state.ts";
import type { Platform } from "../wire/platform.ts";
import { auditHandler } from "./audit.ts";
import { gatewayMetrics } from "./metrics.ts";
import { mount } from "./mount.ts";
import { predictHandler } from "./predict.ts";
import { askedFor } from "./requests.ts";

export interface Served {
  readonly platform: Platform;
  readonly engine: () => Engine;
  readonly state: () => Promise<ConsoleState>;
}

type Handler = (request: Request) => Promise<Response>;

/** One port for everything: TLS, tokens, policies, limits; every decision is in the audit log before it takes effect. */
export function referenceGateway({ platform, engine, state }: Served): Gateway {
  const { certificate, verifier } = platform.identities;
  const page = consoleHandler(state);
  const ready: Handler = async () => {
    const isReady = platform.serving.current !== undefined;
    return Response.json({ ready: isReady }, { status: isReady ? 200 : 503 });
  };
  const features: Handler = async (request) => {
    const serving = platform.serving.current;
    return serving === undefined ? ready(request) : serving.store.handler()(request);
  };
  let workflows: Handler | undefined;
  const workflowsOf: Handler = (request) => (workflows ??= mount("/workflows", workflowHandler(engine())))(request);

  const open = (path: string, to: Handler): Route => ({
    path,
    to,
    methods: ["GET", "HEAD"],
    limit: { rate: "100/s", by: "address" },
  });
  const guardedRoute = (path: string, to: Handler, limit: `${number}/s`): Route => ({
    path,
    to,
    authenticate: verifier,
    authorize: { authorizer: platform.authorizer, request: askedFor },
    limit: { rate: limit, by: "principal" },
    deadline: "10s",
    maxBodyBytes: 4 * 1024 * 1024,
  });
  const gateway: Gateway = createGateway({
    tls: { cert: certificate.cert, key: certificate.key },
    routes: [
      open("/", page),
      open("/console/**", page),
      open("/healthz", async () => Response.json({ healthy: true })),
      open("/readyz", ready),
      guardedRoute(
        "/predict",
        predictHandler(() => platform.serving.current),
        "5000/s",
      ),
      guardedRoute("/v2/**", platform.inference.handler(), "5000/s"),
      guardedRoute("/v2", platform.inference.handler(), "5000/s"),
      guardedRoute("/features/**", features, "2000/s"),
      {
        ...guardedRoute("/registry/**", mount("/registry", registryHandler(platform.registry)), "200/s"),
        methods: ["GET"],
      },
      guardedRoute("/audit/**", mount("/audit", auditHandler(platform)), "100/s"),
      guardedRoute("/workflows/**", workflowsOf, "200/s"),
      guardedRoute("/metrics", async () => metrics(platform, gateway), "50/s"),
    ],
    ...auditHooks(platform.audit),
  });
  return gateway;
}

function metrics(platform: Platform, gateway: Gateway): Response {
  const text = gatewayMetrics(gateway.statistics()) + platform.inference.metrics();
  return new Response(text, { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
}

/** Admitted requests are recorded before they are carried out, refused ones after they were answered. */
function auditHooks(audit: AuditSink): Pick<Parameters<typeof createGateway>[0], "onRequest" | "onRefusal"> {
  return {
    async onRequest({ at, principal, path, method }) {
      if (principal === undefined) return;
      await audit.append({ principal, ...named(path, method), outcome: "allowed", at });
    },
    async onRefusal({ at, principal = "Anonymous::unknown", path = "", method = "GET", code }) {
      if (path === "") return;
      await audit.append({ principal, ...named(path, method), outcome: "refused", at, details: { code } });
    },
  };
}

function named(path: string, method: string): { action: string; resource: string } {
  const { action, resource } = askedFor({ path, method });
  return { action, resource };
}
