import { createRequire } from "node:module";
import type * as CedarModule from "@cedar-policy/cedar-wasm/nodejs";

type Cedar = typeof CedarModule;

let loaded: Cedar | undefined;

/** Cedar's WebAssembly, compiled on first use: importing this package does no work. */
export function cedar(): Cedar {
  loaded ??= createRequire(import.meta.url)("@cedar-policy/cedar-wasm/nodejs") as Cedar;
  return loaded;
}
