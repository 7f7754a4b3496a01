import { computeError } from "../errors.ts";

type Fields = Readonly<Record<string, string | undefined>>;

/** The part of an event of payload format 2.0 that is read: API Gateway HTTP APIs and function URLs send it. */
export interface LambdaHttpEvent {
  readonly rawPath: string;
  readonly requestContext: {
    readonly http: { readonly method: string };
    /** What a stage is named; `rawPath` begins with it, except for `$default`. */
    readonly stage?: string;
  };
  readonly headers?: Fields;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

/** The part of an event of payload format 1.0 that is read: API Gateway REST APIs and load balancers send it. */
export interface LambdaProxyEvent {
  readonly httpMethod: string;
  readonly path: string;
  readonly headers?: Fields | null;
  /** In place of `headers` where a load balancer is set up for it; then the answer has them too. */
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[] | undefined>> | null;
  readonly body?: string | null;
  readonly isBase64Encoded?: boolean;
}

export type LambdaEvent = LambdaHttpEvent | LambdaProxyEvent;

/** The request in an event, in whichever format it came. */
export interface LambdaRequest {
  readonly method: string;
  readonly path: string;
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly bytes: Buffer;
  /** Whether the answer is to have lists of values for its headers. */
  readonly multiValue: boolean;
}

/** @throws PROTOCOL_REQUEST_INVALID when it is the event of something else */
export function readLambdaEvent(event: LambdaEvent): LambdaRequest {
  const bytes = Buffer.from(event.body ?? "", event.isBase64Encoded === true ? "base64" : "utf8");
  if ("rawPath" in event) {
    const { rawPath, requestContext, headers } = event;
    const path = withoutStage(rawPath, requestContext.stage);
    return { method: requestContext.http.method, path, headers: fieldsOf(headers ?? {}), bytes, multiValue: false };
  }
  if (!("httpMethod" in event)) {
    const what = "the event of the function is not that of an HTTP request";
    throw computeError("PROTOCOL_REQUEST_INVALID", {
      what,
      rule: "API Gateway, a load balancer or a function URL sends it",
    });
  }
  const { httpMethod: method, path, headers, multiValueHeaders } = event;
  const multiValue = (multiValueHeaders ?? null) !== null;
  return { method, path, headers: fieldsOf(multiValueHeaders ?? headers ?? {}), bytes, multiValue };
}

/** A path of ours that stands behind the name of the stage. */
function withoutStage(path: string, stage: string | undefined): string {
  const prefix = `/${stage ?? "$default"}`;
  const rest = path.slice(prefix.length);
  return path.startsWith(prefix) && /^\/(?:v2|metrics)(?:\/|$)/.test(rest) ? rest : path;
}

function fieldsOf(headers: Readonly<Record<string, string | readonly string[] | undefined>>): Map<string, string> {
  const fields: Map<string, string> = new Map();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) fields.set(name.toLowerCase(), typeof value === "string" ? value : value.join(", "));
  }
  return fields;
}
