/** A dataset in the sense of OpenLineage: what a job reads or writes. */
export interface LineageDataset {
  readonly namespace: string;
  readonly name: string;
  readonly facets?: Readonly<Record<string, unknown>>;
}

/** A run event in the shape of OpenLineage 2-0-2 (https://openlineage.io/spec/2-0-2/OpenLineage.json). */
export interface LineageEvent {
  readonly eventType: "START" | "RUNNING" | "COMPLETE" | "ABORT" | "FAIL" | "OTHER";
  /** ISO 8601 with a zone. */
  readonly eventTime: string;
  readonly run: { readonly runId: string; readonly facets?: Readonly<Record<string, unknown>> };
  readonly job: {
    readonly namespace: string;
    readonly name: string;
    readonly facets?: Readonly<Record<string, unknown>>;
  };
  readonly inputs: readonly LineageDataset[];
  readonly outputs: readonly LineageDataset[];
  readonly producer: string;
  readonly schemaURL: string;
}

/** Where lineage events go. */
export interface LineageSink {
  emit(event: LineageEvent, options?: { readonly signal?: AbortSignal }): Promise<void>;
}
