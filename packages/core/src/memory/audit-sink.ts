import type { AuditEvent, AuditSink } from "../audit-sink.ts";

/** Keeps audit events in an array. */
export interface MemoryAuditSink extends AuditSink {
  readonly events: readonly AuditEvent[];
}

export function memoryAuditSink(): MemoryAuditSink {
  const events: AuditEvent[] = [];
  return {
    events,
    async append(event, options) {
      options?.signal?.throwIfAborted();
      events.push(structuredClone(event));
      return { index: events.length - 1 };
    },
  };
}
