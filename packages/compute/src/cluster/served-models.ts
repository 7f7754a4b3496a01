import type { EnsembleStep } from "../infer/ensemble.ts";
import type { Route } from "../infer/model-entry.ts";
import type { ModelInfo, LoadOptions } from "../infer/server.ts";
import { settingsToReplace } from "../infer/settings.ts";
import type { Change } from "./messages.ts";

type RouteChange = Extract<Change, { readonly method: "route" }>;

interface ServedModel {
  readonly versions: Map<string, LoadOptions>;
  primary: string;
  route: RouteChange | null;
}

/** What every process serves, and the changes that bring a new process there. */
export class ServedModels {
  readonly #models: Map<string, ServedModel> = new Map();
  #infos: readonly ModelInfo[] = [];

  get infos(): readonly ModelInfo[] {
    return this.#infos;
  }

  get size(): number {
    return this.#models.size;
  }

  /** Takes in a change that was made, and what is served after it. */
  made(change: Change, infos: readonly ModelInfo[]): void {
    this.#infos = infos;
    const present = infos.filter(({ name }) => name === change.name);
    const primary = present.find((info) => info.primary);
    if (primary === undefined) {
      this.#models.delete(change.name);
      return;
    }
    const before = this.#models.get(change.name);
    const versions = before?.versions ?? new Map<string, LoadOptions>();
    if (change.method === "load" || change.method === "add") {
      versions.set(change.options.version ?? primary.version, change.options);
    }
    if (change.method === "swap") {
      const { shadow: _, takeOver = true, keepSettings = true, ...options } = change.options;
      const version = takeOver ? primary.version : (options.version ?? primary.version);
      const { onnx: __, ...kept } = versions.get(takeOver ? (before?.primary ?? "") : version) ?? {};
      versions.set(version, keepSettings ? settingsToReplace(kept, options) : options);
    }
    const served = new Set(present.map(({ version }) => version));
    for (const version of versions.keys()) if (!served.has(version)) versions.delete(version);
    const route = change.method === "route" ? change : routeAfter(change, before, primary.version, served);
    this.#models.set(change.name, { versions, primary: primary.version, route });
  }

  /** Ensembles after their models. One that has lost a model cannot answer, and could not be loaded: it is left out. */
  changes(): Change[] {
    return this.#inOrder().flatMap(([name, { versions, primary, route }]) => {
      const first: Change = { method: "load", name, options: { ...versions.get(primary), version: primary } };
      const others = [...versions].filter(([version]) => version !== primary);
      const rest = others.map(([version, options]): Change => {
        return { method: "add", name, options: { ...options, version } };
      });
      return route === null ? [first, ...rest] : [first, ...rest, route];
    });
  }

  #inOrder(): [name: string, model: ServedModel][] {
    const placed = new Map<string, ServedModel>();
    for (let before = -1; placed.size > before;) {
      before = placed.size;
      for (const [name, model] of this.#models) {
        const needed = [...model.versions.values()].flatMap(({ ensemble }) => ensemble?.steps ?? []);
        const has = ({ model: step, version }: EnsembleStep): boolean =>
          placed.has(step) && (version === undefined || placed.get(step)?.versions.has(version) === true);
        if (!placed.has(name) && needed.every(has)) placed.set(name, model);
      }
    }
    return [...placed];
  }
}

/** What a server keeps of a route: the split until a version goes, the shadow until its own goes or is replaced. */
function routeAfter(
  change: Change,
  before: ServedModel | undefined,
  primary: string,
  served: ReadonlySet<string>,
): RouteChange | null {
  const route = before?.route ?? null;
  if (route === null) return null;
  const { split, shadow } = route.route;
  const swapped = change.method === "swap";
  const gone = change.method === "unload" || (swapped && primary !== before?.primary);
  const kept: Route = {
    ...(split === undefined || gone ? {} : { split }),
    ...(shadow === undefined ||
    !served.has(shadow.version) ||
    (swapped && shadow.version === (change.options.version ?? primary))
      ? {}
      : { shadow }),
  };
  return kept.split === undefined && kept.shadow === undefined ? null : { ...route, route: kept };
}
