import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, request } from "undici";
import { readJson } from "./app.ts";

type Person = "admin" | "scientist" | "approver" | "service";

export interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string;
  /** The body, when it is JSON. */
  readonly json: unknown;
}

export interface Asking {
  readonly method?: "GET" | "POST";
  readonly as?: Person;
  readonly token?: string;
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown;
}

/** Somebody with the credentials file and the certificate beside it. */
export interface Caller {
  readonly origin: string;
  readonly tokens: Readonly<Record<Person, string>>;
  ask(path: string, asking?: Asking): Promise<Answer>;
  close(): Promise<void>;
}

/** Reads the credentials of a data directory, and trusts its authority alone. */
export function openCaller(data: string): Caller {
  const credentials = readJson<{ origin: string } & Record<Person, { token: string }>>(join(data, "credentials.json"));
  const { origin, admin, scientist, approver, service } = credentials;
  const tokens = {
    admin: admin.token,
    scientist: scientist.token,
    approver: approver.token,
    service: service.token,
  };
  const dispatcher = new Agent({ connect: { ca: readFileSync(join(data, "ca.pem"), "utf8") } });
  return {
    origin,
    tokens,
    async ask(path, { method = "GET", as, token = as === undefined ? undefined : tokens[as], body } = {}) {
      const response = await request(`${origin}${path}`, {
        dispatcher,
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.body.text();
      const type = response.headers["content-type"]?.toString();
      const json: unknown = type?.includes("json") === true ? JSON.parse(text) : undefined;
      return { status: response.statusCode, type, text, json };
    },
    close: () => dispatcher.close(),
  };
}
