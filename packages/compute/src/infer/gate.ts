import { computeError } from "../errors.ts";
import type { Servable } from "./servable.ts";
import type { ShadowReport } from "./shadow.ts";

/**
 * Decides, when a version is ready to serve, whether it will. In a cluster it waits for the other processes; `report` is
 * what a comparison has shown.
 */
export type Gate = (report: ShadowReport | null) => boolean | Promise<boolean>;

export const openGate: Gate = () => true;

/** Waits for the gate. @throws MODEL_NOT_ACCEPTED, or what the gate throws, after which the version is closed */
export async function pass(gate: Gate, model: Servable, report: ShadowReport | null): Promise<void> {
  try {
    if (await gate(report)) return;
  } catch (error) {
    await model.close();
    throw error;
  }
  await model.close();
  const { compared = 0, different = 0, failures = 0 } = report ?? {};
  throw computeError("MODEL_NOT_ACCEPTED", {
    model: model.name,
    version: model.version,
    compared,
    different,
    failures,
  });
}
