import { storedViews } from "../flights/features.ts";
import type { Champion } from "../job/register.ts";
import type { Serving } from "../serve/predict.ts";
import type { Platform } from "./platform.ts";

/** What is being served now. */
export interface ServingState {
  readonly current: Serving | undefined;
  /** Loads the champion from the registry, verified, and has it served; does nothing when it is already. */
  ensure(wanted: { readonly table: number; readonly champion: Champion }): Promise<Serving>;
}

export function createServing(platform: () => Platform): ServingState {
  let current: Serving | undefined;

  async function start({ table, champion }: { table: number; champion: Champion }): Promise<Serving> {
    const { inference, registry } = platform();
    const store = await platform().onlineStore(table);
    const loaded = await registry.load(`${champion.name}@${champion.alias}`);
    const onnx = await loaded.file("model.onnx").bytes();
    const version = String(loaded.version.number);
    const isLoaded = inference.models().some(({ name }) => name === champion.name);
    if (isLoaded) await inference.swap(champion.name, { onnx, version });
    else await inference.load(champion.name, { onnx, version, instances: 1, warmup: true });
    for (const view of storedViews(store.views)) await store.watermark(view);
    return { store, inference, champion };
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
  };
}
