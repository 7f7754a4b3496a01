import { computeError } from "../errors.ts";
import type { ModelInfo } from "../infer/server.ts";
import { decodePart, jsonReply, type ProtocolReply, type ProtocolRequest } from "./exchange.ts";
import { parseJson } from "./json.ts";
import type { RepositoryControl, RepositoryIndexEntry } from "./options.ts";
import type { RouterContext } from "./router.ts";

/** `POST /v2/repository/index`, `.../models/{model}/load` and `.../unload`; `null` for any other path. */
export async function answerRepository(
  context: RouterContext,
  request: ProtocolRequest,
  parts: readonly string[],
): Promise<ProtocolReply | null> {
  if (parts[3] === "index" && parts.length === 4) {
    const { ready } = await readObject(request);
    return jsonReply(await repositoryIndex(context, ready === true));
  }
  const [, , , models, part, action] = parts;
  if (models !== "models" || part === undefined || parts.length !== 6) return null;
  const name = decodePart(part);
  const { parameters } = await readObject(request);
  if (action === "load") await loadModel(context, name, asObject(parameters));
  else if (action === "unload") {
    const dependents = asObject(parameters)["unload_dependents"] === true;
    await requireControl(context).unload(name, { dependents });
  } else return null;
  return jsonReply({});
}

/** What the repository holds, or what is loaded where there is none. */
export async function repositoryIndex(
  { options, server }: Pick<RouterContext, "options" | "server">,
  readyOnly: boolean,
): Promise<readonly RepositoryIndexEntry[]> {
  const entries = (await options.repository?.index()) ?? loadedIndex(server.models());
  return readyOnly ? entries.filter((entry) => entry.state === "READY") : entries;
}

/** What is loaded, as an index. */
export function loadedIndex(models: readonly ModelInfo[]): RepositoryIndexEntry[] {
  return models.map(({ name, version, ready }) => ({
    name,
    version,
    state: ready ? "READY" : "UNAVAILABLE",
    reason: ready ? "" : "no instance is alive",
  }));
}

/** `parameters.config` replaces the files of settings; files within the request are not taken. */
export async function loadModel(
  context: Pick<RouterContext, "options">,
  name: string,
  parameters: Readonly<Record<string, unknown>>,
): Promise<void> {
  const control = requireControl(context);
  const file = Object.keys(parameters).find((key) => key.startsWith("file:"));
  if (file !== undefined) {
    throw computeError("PROTOCOL_UNSUPPORTED", {
      what: "A model file within a load request",
      remedy: "Put it into the repository and load it by its name.",
    });
  }
  const { config } = parameters;
  await control.load(name, typeof config === "string" ? parseJson(config, false) : config);
}

export function requireControl({
  options,
}: {
  readonly options: { readonly repository: RepositoryControl | null };
}): RepositoryControl {
  if (options.repository !== null) return options.repository;
  throw computeError("PROTOCOL_UNSUPPORTED", {
    what: "Loading models by request",
    remedy: "Give the handler a repository to allow it.",
  });
}

async function readObject(request: ProtocolRequest): Promise<Readonly<Record<string, unknown>>> {
  const body = await request.body();
  return body.byteLength === 0 ? {} : asObject(parseJson(new TextDecoder().decode(body), false));
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw computeError("PROTOCOL_REQUEST_INVALID", {
    what: `there is ${JSON.stringify(value)?.slice(0, 60)} in place of an object`,
    rule: "the body and its parameters are objects",
  });
}
