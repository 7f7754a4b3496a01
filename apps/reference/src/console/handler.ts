import { readFileSync } from "node:fs";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { Hono } from "hono";
import type { ConsoleState } from "./state.ts";

const here = import.meta.dirname;

// Nothing from elsewhere, nothing inline: what the page shows can never become script.
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Serves the console page at `/` and what it needs below `/console/`. */
export function consoleHandler(state: () => Promise<ConsoleState>): (request: Request) => Promise<Response> {
  const uplot = dirname(createRequire(import.meta.url).resolve("uplot/package.json"));
  const files: readonly (readonly [path: string, type: string, read: () => string])[] = [
    ["/", "text/html", () => readFileSync(join(here, "index.html"), "utf8")],
    ["/console/page.css", "text/css", () => readFileSync(join(here, "page.css"), "utf8")],
    ["/console/page.js", "text/javascript", () => stripTypeScriptTypes(readFileSync(join(here, "page.ts"), "utf8"))],
    ["/console/uplot.js", "text/javascript", () => readFileSync(join(uplot, "dist", "uPlot.esm.js"), "utf8")],
    ["/console/uplot.css", "text/css", () => readFileSync(join(uplot, "dist", "uPlot.min.css"), "utf8")],
  ];
  const app = new Hono();
  for (const [path, type, read] of files) {
    let text: string | undefined;
    app.get(path, () => {
      text ??= read();
      const headers = {
        "content-type": `${type}; charset=utf-8`,
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
      };
      return new Response(text, { headers });
    });
  }
  app.get("/console/state", async (context) => context.json(await state(), 200, { "cache-control": "no-store" }));
  return async (request) => app.fetch(request);
}
