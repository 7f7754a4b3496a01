import type { RequestListener } from "node:http";

import type { ErrorInTransit } from "../errors-in-transit.ts";
import type { InferenceServerOptions } from "../infer/options.ts";
import type { ModelFigures, ModelSnapshot } from "../infer/figures.ts";
import type { LoadOptions, ModelInfo, SwapOptions } from "../infer/server.ts";
import type { Route } from "../infer/model-entry.ts";
import type { ShadowReport } from "../infer/shadow.ts";
import type { ProtocolOptions, RepositoryIndexEntry } from "../protocol/options.ts";

/** What a process of a cluster is started with: options that can be sent to it. */
export interface MemberStart {
  readonly server: Omit<InferenceServerOptions, "logger" | "clock">;
  readonly protocol: Omit<ProtocolOptions, "repository">;
  /** The URL of a module whose default export wraps the request listener; `null`: it is used as it is. */
  readonly wrapper: string | null;
}

/** A change of what is served, to be made by every process. */
export type Change =
  | { readonly method: "load"; readonly name: string; readonly options: LoadOptions }
  | { readonly method: "add"; readonly name: string; readonly options: LoadOptions & { readonly version: string } }
  | { readonly method: "swap"; readonly name: string; readonly options: Omit<SwapOptions, "accept"> }
  | { readonly method: "unload"; readonly name: string; readonly version: string | undefined }
  | { readonly method: "promote"; readonly name: string; readonly version: string }
  | { readonly method: "route"; readonly name: string; readonly route: Route };

export type ToMember =
  | { readonly kind: "start"; readonly start: MemberStart }
  | { readonly kind: "change"; readonly id: number; readonly change: Change }
  /** What was prepared takes effect, or is thrown away. */
  | { readonly kind: "decide"; readonly id: number; readonly go: boolean }
  | { readonly kind: "count"; readonly id: number }
  /** A socket comes with it. */
  | { readonly kind: "connection"; readonly id: number }
  | { readonly kind: "ready"; readonly ready: boolean }
  | { readonly kind: "answer"; readonly id: number; readonly value: Answer }
  | { readonly kind: "refusal"; readonly id: number; readonly error: ErrorInTransit }
  | { readonly kind: "stop" };

/** What a process asks the first one, which speaks for all. */
export type Ask =
  | { readonly what: "figures" }
  | { readonly what: "index" }
  | { readonly what: "load"; readonly name: string; readonly settings: unknown }
  | { readonly what: "unload"; readonly name: string; readonly dependents: boolean };

export type Answer = readonly ModelFigures[] | readonly RepositoryIndexEntry[] | null;

export type ListenerWrapper = (listener: RequestListener) => RequestListener;

export type FromMember =
  | { readonly kind: "started" }
  | { readonly kind: "not-started"; readonly error: ErrorInTransit }
  /** A version is ready to serve and waits for the others. */
  | { readonly kind: "prepared"; readonly id: number; readonly report: ShadowReport | null }
  | { readonly kind: "done"; readonly id: number; readonly models: readonly ModelInfo[] }
  | { readonly kind: "failed"; readonly id: number; readonly error: ErrorInTransit }
  | { readonly kind: "counted"; readonly id: number; readonly figures: readonly ModelSnapshot[] }
  /** It has the connection, which the first process can close. */
  | { readonly kind: "taken"; readonly id: number }
  | { readonly kind: "ask"; readonly id: number; readonly ask: Ask };
