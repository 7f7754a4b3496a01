import type { ModelInfo, LoadOptions } from "../infer/server.ts";
import type { Change } from "./messages.ts";

interface ServedModel {
  readonly versions: Map<string, LoadOptions>;
  primary: string;
  route: Extract<Change, { readonly method: "route" }> | null;
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
      const { shadow: _, ...options } = change.options;
      versions.set(primary.version, options);
    }
    const served = new Set(present.map(({ version }) => version));
    for (const version of versions.keys()) if (!served.has(version)) versions.delete(version);
    const route = change.method === "route" ? change : change.method === "unload" ? null : (before?.route ?? null);
    this.#models.set(change.name, { versions, primary: primary.version, route });
  }

  /** In the order in which the models were loaded, since ensembles need theirs. */
  changes(): Change[] {
    return [...this.#models].flatMap(([name, { versions, primary, route }]) => {
      const first: Change = { method: "load", name, options: { ...versions.get(primary), version: primary } };
      const others = [...versions].filter(([version]) => version !== primary);
      const rest = others.map(([version, options]): Change => {
        return { method: "add", name, options: { ...options, version } };
      });
      return route === null ? [first, ...rest] : [first, ...rest, route];
    });
  }
}
