import { createHash } from "node:crypto";
import type { LineageDataset, LineageEvent } from "@ashlar/core";

/** The completion of a step as an OpenLineage run event. */
export function stepLineage(step: {
  readonly run: string;
  readonly namespace: string;
  readonly job: string;
  readonly at: number;
  readonly inputs: readonly LineageDataset[];
  readonly outputs: readonly LineageDataset[];
}): LineageEvent {
  return {
    eventType: "COMPLETE",
    eventTime: new Date(step.at).toISOString(),
    run: { runId: runIdOf(`${step.run}/${step.job}`) },
    job: { namespace: step.namespace, name: step.job },
    inputs: step.inputs,
    outputs: step.outputs,
    producer: "https://www.npmjs.com/package/@ashlar/orchestration",
    schemaURL: "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
  };
}

/** A UUID of version 8 (RFC 9562, section 5.8) that is the same each time a step is reported. */
function runIdOf(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex");
  const variant = "89ab"[Number.parseInt(hex.charAt(16), 16) & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
