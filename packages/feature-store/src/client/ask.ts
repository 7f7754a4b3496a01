import { AshlarError, isAshlarError } from "@ashlar/core";
import type { Neighbour } from "../nearest/nearest.ts";
import type { Readings } from "../serve/read.ts";
import { clientError } from "./errors.ts";
import { fromJson, neighboursFromJson } from "./from-json.ts";

export interface Transport {
  /** Where the handler is mounted, without a slash at the end. */
  readonly url: string;
  readonly format: "json" | "arrow";
  readonly headers: Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>);
  readonly fetch: typeof fetch;
}

/** What every request has. */
export interface Call {
  readonly requestId?: string | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadCall extends Call {
  readonly entities: readonly Readonly<Record<string, unknown>>[];
  readonly features?: readonly string[];
  readonly service?: string;
  readonly at?: number;
}

const media = { json: "application/json", arrow: "application/vnd.apache.arrow.stream" } as const;

/** One read and its answer. */
export async function ask(transport: Transport, call: ReadCall): Promise<Readings[]> {
  const { entities, features, service, at } = call;
  const body = { entities, features, service, at, types: true };
  return await post({ ...transport, path: "read" }, call, body, (response, url) => rowsOf(response, url, call));
}

/** One search and its answer. */
export async function askNearest(transport: Transport, call: Call, body: object): Promise<Neighbour[]> {
  return await post({ ...transport, format: "json", path: "nearest" }, call, body, async (response, url) => {
    const found = neighboursFromJson(await response.text());
    if (typeof found === "string") throw clientError("RESPONSE_INVALID", { url, reason: found });
    return found;
  });
}

async function post<Answer>(
  transport: Transport & { readonly path: string },
  { requestId, timeoutMs, signal }: Call,
  body: object,
  take: (response: Response, url: string) => Promise<Answer>,
): Promise<Answer> {
  const { format, fetch: send } = transport;
  const url = `${transport.url}/${transport.path}`;
  signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(timeoutMs);
  const headers = typeof transport.headers === "function" ? transport.headers() : transport.headers;
  try {
    const response = await send(url, {
      method: "POST",
      headers: {
        ...headers,
        "content-type": media.json,
        accept: format === "json" ? media.json : `${media.arrow}, ${media.json};q=0.5`,
        ...(requestId === undefined ? {} : { "x-request-id": requestId }),
      },
      body: JSON.stringify(body, plain),
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
    if (!response.ok) throw await failureOf(response, url);
    return await take(response, url);
  } catch (error) {
    if (isAshlarError(error)) throw error;
    signal?.throwIfAborted();
    if (deadline.aborted) throw clientError("DEADLINE_EXCEEDED", { url, timeoutMs }, { cause: error });
    throw clientError("SERVER_UNREACHABLE", { url, reason: reasonOf(error) }, { cause: error });
  }
}

async function rowsOf(response: Response, url: string, { entities, features = [] }: ReadCall): Promise<Readings[]> {
  const invalid = (reason: string): Error => clientError("RESPONSE_INVALID", { url, reason });
  const type = response.headers.get("content-type") ?? "none";
  let rows: Readings[] | string;
  if (type.startsWith(media.arrow)) {
    const { fromArrow } = await import("./from-arrow.ts");
    rows = fromArrow(new Uint8Array(await response.arrayBuffer()));
  } else if (type.startsWith(media.json)) rows = fromJson(await response.text());
  else throw invalid(`its type is ${JSON.stringify(type)}`);
  if (typeof rows === "string") throw invalid(rows);
  if (rows.length !== entities.length) throw invalid(`it has ${rows.length} rows for ${entities.length} entities`);
  const [first] = rows;
  // What "view:*" and a service stand for the server knows.
  const lacking = first && features.find((name) => !name.endsWith(":*") && first[name] === undefined);
  if (lacking !== undefined) throw invalid(`it lacks ${JSON.stringify(lacking)}`);
  return rows;
}

/** What the server threw, as it is there. */
async function failureOf(response: Response, url: string): Promise<Error> {
  const text = await response.text();
  try {
    const { code, message, retryable, details } = (JSON.parse(text) as { error: Record<string, unknown> }).error;
    if (typeof code === "string" && typeof message === "string") {
      return new AshlarError({
        code,
        source: "feature-store",
        status: response.status,
        retryable: retryable === true,
        message,
        details: typeof details === "object" && details !== null ? { ...details } : {},
      });
    }
  } catch {
    // It is told below what came instead.
  }
  const reason = `it has the status ${response.status} and no error of ours`;
  if (response.status >= 500) return clientError("SERVER_UNREACHABLE", { url, reason });
  return clientError("RESPONSE_INVALID", { url, reason });
}

/** What JSON has no number for goes as text, as it comes. */
function plain(_: string, value: unknown): unknown {
  if (value instanceof Float32Array) return Array.from(value);
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
