import type { StepContext } from "@ashlar/orchestration";
import { storedViews } from "../flights/features.ts";
import { juneBegins } from "../flights/june.ts";
import type { Platform } from "../wire/platform.ts";
import type { Champion } from "./register.ts";

/** What is deployed, and that it answers as the trainer would. */
export interface Deployed {
  readonly version: number;
  readonly materialised: Readonly<Record<string, number>>;
  /** A sample of the online values beside the point-in-time join of the same moment. */
  readonly parity: { readonly values: number; readonly different: number };
}

const comparedEntities = 200;

/** Fills the online store as of the first of June, and loads the champion into the inference server. */
export async function deploy(
  platform: Platform,
  { champion, table }: { champion: Champion; table: number },
  context: StepContext,
): Promise<Deployed> {
  await platform.emptyOnlineStore(table);
  const materialised = await materialiseJune(platform, table, context);
  const parity = await parityOf(platform, table, context);
  await platform.serving.ensure({ table, champion });
  context.lineage({
    inputs: [{ namespace: "registry", name: `${champion.name}/${champion.version}` }],
    outputs: [{ namespace: "endpoint", name: "/predict" }],
  });
  return { version: champion.version, materialised, parity };
}

/** Compares the online store with history before anything is served from it. */
async function parityOf(platform: Platform, table: number, { signal }: StepContext): Promise<Deployed["parity"]> {
  const store = await platform.onlineStore(table);
  const total = { values: 0, different: 0 };
  for (const view of storedViews(store.views)) {
    const { values, different } = await store.checkParity(view, { sample: comparedEntities, signal });
    total.values += values;
    total.different += different;
  }
  return total;
}

/** Brings every view up to the first of June; gives the entities written. */
export async function materialiseJune(
  platform: Platform,
  table: number,
  context: StepContext,
): Promise<Readonly<Record<string, number>>> {
  const store = await platform.onlineStore(table);
  const materialised: Record<string, number> = {};
  const views = storedViews(store.views);
  for (const [index, view] of views.entries()) {
    context.progress(index / views.length, `materialising ${view.name}`);
    const { written } = await store.materialize(view, {
      until: juneBegins,
      signal: context.signal,
    });
    materialised[view.name] = written;
  }
  return materialised;
}
