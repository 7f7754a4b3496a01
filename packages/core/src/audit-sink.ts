/** One thing that somebody did, or was refused. */
export interface AuditEvent {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  readonly outcome: "allowed" | "refused" | "succeeded" | "failed";
  /** Epoch milliseconds. */
  readonly at: number;
  /** JSON-safe facts; never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface AuditReceipt {
  /** Position in the log, from 0, without gaps. */
  readonly index: number;
}

/** Where audit events go. When `append` resolves the event is durable; when it rejects, the action must not happen. */
export interface AuditSink {
  append(event: AuditEvent, options?: { readonly signal?: AbortSignal }): Promise<AuditReceipt>;
}
