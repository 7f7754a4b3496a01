import type { ShadowReport } from "@ashlar/compute/inference";
import { referenceError } from "../errors.ts";
import { storedViews } from "../flights/features.ts";
import type { Champion } from "../job/register.ts";
import type { Serving } from "../serve/predict.ts";
import type { Platform } from "./platform.ts";

/** What is being served now. */
export interface ServingState {
  readonly current: Serving | undefined;
  /** Loads the champion from the registry, verified, and has it served; does nothing when it is already. */
  ensure(wanted: { readonly table: number; readonly champion: Champion }): Promise<Serving>;
  /**
   * Loads what is served from the registry anew, verified, compares it on copies of live requests and puts it in the place
   * of the one that runs, which ends when it has answered. Where the answers differ, nothing changes.
   *
   * @throws NOT_READY, MODEL_NOT_ACCEPTED
   */
  redeploy(options: { readonly requests: number }): Promise<ShadowReport>;
}

export function createServing(platform: () => Platform): ServingState {
  let current: Serving | undefined;
  let generation = 0;

  async function champion({ name, alias }: Champion): Promise<{ readonly onnx: Uint8Array; readonly version: string }> {
    const loaded = await platform().registry.load(`${name}@${alias}`);
    return { onnx: await loaded.file("model.onnx").bytes(), version: String(loaded.version.number) };
  }

  async function start({ table, champion: wanted }: { table: number; champion: Champion }): Promise<Serving> {
    const { inference } = platform();
    const store = await platform().onlineStore(table);
    const { onnx, version } = await champion(wanted);
    const isLoaded = inference.models().some(({ name }) => name === wanted.name);
    if (isLoaded) await inference.swap(wanted.name, { onnx, version });
    else await inference.load(wanted.name, { onnx, version, instances: 1, warmup: true });
    for (const view of storedViews(store.views)) await store.watermark(view);
    return { store, inference, champion: wanted };
  }

  return {
    get current() {
      return current;
    },
    async ensure(wanted) {
      const store = await platform().onlineStore(wanted.table);
      if (current?.champion.digest !== wanted.champion.digest || current.store !== store) current = await start(wanted);
      return current;
    },
    async redeploy({ requests }) {
      if (current === undefined) throw referenceError("NOT_READY", { what: "The model" });
      const { name } = current.champion;
      const { onnx, version } = await champion(current.champion);
      const { shadow } = await platform().inference.swap(name, {
        onnx,
        version: `${version}.${++generation}`,
        shadow: { share: 0.25, requests },
        accept: ({ different, failures }) => different === 0 && failures === 0,
      });
      return shadow as ShadowReport;
    },
  };
}
