import type { Asked, RequestInfo } from "@ashlar/networking";

const rules: readonly (readonly [path: RegExp, action: string, resource: (path: string) => string])[] = [
  [/^\/predict$/, "Prediction::ask", () => "Model::delay"],
  [/^\/v2\/models\/([^/]+)/, "Inference::ask", (path) => `Model::${path.split("/")[3] ?? ""}`],
  [/^\/v2/, "Inference::ask", () => "Server::inference"],
  [/^\/features/, "Features::read", () => "Store::online"],
  [/^\/registry/, "Registry::read", () => "Registry::models"],
  [/^\/audit/, "Audit::read", () => "Log::audit"],
  [/^\/metrics/, "Metrics::read", () => "Server::gateway"],
];

/** What a request means to the policies. */
export function askedFor({ path, method }: Pick<RequestInfo, "path" | "method">): Asked {
  if (path.startsWith("/workflows")) {
    return { action: method === "POST" ? "Workflow::cancel" : "Workflow::read", resource: "Engine::workflows" };
  }
  if (path.startsWith("/registry") && method !== "GET")
    return { action: "Registry::promote", resource: "Registry::models" };
  const rule = rules.find(([pattern]) => pattern.test(path));
  return rule === undefined
    ? { action: "Unknown::ask", resource: "Path::unknown" }
    : { action: rule[1], resource: rule[2](path) };
}
