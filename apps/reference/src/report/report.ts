/** What `--report` writes: everything the job found out, with the figures a reader can hold it to. */
export interface Report {
  readonly rows: { readonly ingested: number };
  readonly lake: { readonly table: string; readonly version: number; readonly files: number };
  readonly trainingSet: {
    readonly rows: number;
    readonly features: number;
    readonly digest: string;
    /** Rows of which at least one feature would have been another under a join on event time alone. */
    readonly leakedRowsWithoutKnownAt: number;
  };
  /** Judged on June, which no model has seen. */
  readonly models: readonly {
    readonly name: string;
    readonly auc: number;
    readonly logLoss: number;
    readonly seconds: number;
    /** Rows it was trained on. */
    readonly trainedOn: number;
  }[];
  /** Always answering the share of late flights seen in training: what a model has to beat. Its AUC is 0.5. */
  readonly baseRate: { readonly logLoss: number };
  /** What one would have believed with a join that looks past the known-at time. */
  readonly leak: { readonly auc: number; readonly honestAuc: number; readonly trainedOn: number };
  readonly champion: {
    readonly name: string;
    readonly version: number;
    readonly alias: string;
    readonly digest: string;
    readonly trainer: string;
    /** The better model that a gate stopped, and why; null when the best one serves. */
    readonly passedOver: { readonly name: string; readonly reason: string } | null;
  };
  /** Of the ONNX file against the trainer; and of values online against the point-in-time join before serving. */
  readonly parity: {
    readonly maxAbsDiff: number;
    readonly online: { readonly values: number; readonly different: number };
  };
  readonly serving: {
    readonly requests: number;
    readonly errors: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly auc: number;
    /** The model on the features of the training set, for the same flights: what fresher features would give. */
    readonly offlineAuc: number;
    /** Landings pushed into the features of hours while requests were answered. */
    readonly streamed: number;
    /** Swaps of the model while requests went on, and the requests on which old and new gave the same answer before. */
    readonly swaps: { readonly made: number; readonly compared: number };
  };
  /** What was served, beside the point-in-time join of the same moments and beside the training set. */
  readonly watched: {
    readonly logged: number;
    readonly skew: {
      readonly compared: number;
      readonly different: number;
      readonly causes: Readonly<Record<string, number>>;
    };
    readonly drifted: readonly { readonly feature: string; readonly psi: number }[];
  };
  readonly audit: { readonly entries: number; readonly verified: boolean };
  readonly refusals: readonly { readonly principal: string; readonly action: string; readonly resource: string }[];
  readonly stages: readonly {
    readonly name: string;
    readonly seconds: number;
    readonly peakRssBytes: number;
    readonly resumed: boolean;
  }[];
  /** Of this process; of the run that built everything when this one found nothing to do. */
  readonly totalSeconds: number;
  /** True when the data was unchanged and nothing was built. */
  readonly unchanged: boolean;
}
