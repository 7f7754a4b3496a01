import { Hono } from "hono";
import type { Platform } from "../wire/platform.ts";

const mostEntries = 1000;

/** `GET /entries?from=`, `GET /checkpoint`, `GET /proof/:index`, `GET /verify`. */
export function auditHandler(platform: Platform): (request: Request) => Promise<Response> {
  const { audit } = platform;
  const app = new Hono();
  app.get("/entries", async (context) => {
    const from = Math.max(0, Number(context.req.query("from") ?? audit.size - 100) || 0);
    const to = Math.min(audit.size, from + mostEntries);
    const items: unknown[] = [];
    for await (const entry of audit.entries({ from, to })) items.push(entry);
    return context.json({ items, size: audit.size, ...(to < audit.size ? { next: to } : {}) });
  });
  app.get("/checkpoint", (context) => context.text(audit.checkpoint()));
  app.get("/proof/:index{\\d+}", (context) => {
    const { index, size, leafHash, hashes } = audit.inclusionProof(Number(context.req.param("index")));
    return context.json({
      index,
      size,
      leafHash: base64(leafHash),
      hashes: hashes.map(base64),
      checkpoint: audit.checkpoint(),
    });
  });
  app.get("/verify", async (context) => {
    const { root, ...verification } = await platform.verifyAudit();
    return context.json({ ...verification, root: base64(root) });
  });
  return async (request) => app.fetch(request);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
