/** One stage of the main job, as the console shows it. */
export interface StageView {
  readonly name: string;
  readonly title: string;
  readonly state: "waiting" | "running" | "retrying" | "done" | "failed";
  /** 0 to 1 while it is running. */
  readonly fraction: number;
  readonly message: string;
  readonly seconds: number | undefined;
  /** Finished by an earlier process, and not repeated. */
  readonly resumed: boolean;
}

export interface LineageNode {
  readonly id: string;
  readonly kind: "source" | "table" | "features" | "training set" | "model" | "endpoint";
  readonly label: string;
  readonly detail: string;
}

export interface ModelView {
  readonly name: string;
  readonly version: number;
  readonly alias: string;
  readonly digest: string;
  /** Area under the ROC curve on June, by model; the champion first. */
  readonly scores: readonly { readonly name: string; readonly auc: number }[];
}

/** Feature values held to history: before anything was served, and as they were served. */
export interface FeaturesView {
  readonly online: { readonly values: number; readonly different: number };
  readonly served: {
    readonly values: number;
    readonly different: number;
    /** Why values differ, with the number of them; only what occurred. */
    readonly causes: readonly { readonly cause: string; readonly values: number }[];
  };
  /** Events pushed while requests were answered. */
  readonly streamed: number;
  /** Spread otherwise than in the training set, by population stability index, the most changed first. */
  readonly drifted: readonly { readonly feature: string; readonly psi: number }[];
}

/** Traffic since the sample before. */
export interface TrafficSample {
  /** Epoch seconds. */
  readonly at: number;
  /** A second. */
  readonly requests: number;
  /** A second. */
  readonly failures: number;
  /** Quantiles since the start. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What the console page asks for, once a second. It holds no rows, no tokens and no keys. */
export interface ConsoleState {
  readonly phase: "building" | "serving" | "failed";
  readonly stages: readonly StageView[];
  readonly lineage: {
    readonly nodes: readonly LineageNode[];
    readonly edges: readonly { readonly from: string; readonly to: string }[];
  };
  readonly model: ModelView | undefined;
  readonly features: FeaturesView | undefined;
  readonly traffic: { readonly total: number; readonly refused: number; readonly samples: readonly TrafficSample[] };
  readonly audit: {
    readonly entries: number;
    readonly refusals: readonly { readonly principal: string; readonly action: string; readonly resource: string }[];
  };
}
