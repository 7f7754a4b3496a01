import { generateKeyPairSync } from "node:crypto";
import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { bundleMediaType, createModelRegistry, objectStoreArtifacts, registryHandler, sqlite } from "../index.ts";

describe("registryHandler", () => {
  it("shows models, moves aliases, and walks lineage", async () => {
    const artifacts = objectStoreArtifacts(memoryObjectStore());
    await using registry = createModelRegistry({ database: sqlite({ path: ":memory:" }), artifacts });
    for (const auc of [0.7, 0.8]) {
      const files = { w: new TextEncoder().encode(String(auc)) };
      const inputs = { trainingSet: "sha256:abc" };
      await registry.register("delay", { files, metrics: { auc }, inputs, author: "ada" });
    }
    const handler = registryHandler(registry, { identify: (request) => request.headers.get("x-user") ?? "bob" });
    const get = async (path: string): Promise<unknown> =>
      (await handler(new Request(`http://localhost${path}`))).json();
    const post = async (body: unknown, type = "application/json"): Promise<{ status: number; body: unknown }> => {
      const init = { method: "POST", headers: { "content-type": type }, body: JSON.stringify(body) };
      const response = await handler(new Request("http://localhost/models/delay/aliases/champion", init));
      return { status: response.status, body: await response.json() };
    };

    expect(await get("/models")).toMatchObject({ items: [{ name: "delay", versionCount: 2, latest: 2 }] });
    expect(await get("/models/delay/versions?limit=1")).toMatchObject({
      items: [{ number: 2 }],
      next: expect.any(String),
    });
    expect(await get("/models/delay/versions/1")).toMatchObject({ number: 1, metrics: { auc: 0.7 } });
    expect(await get("/models/delay/versions/1/signature")).toMatchObject({ code: "SIGNATURE_MISSING" });
    expect(await get("/models/none")).toMatchObject({ code: "MODEL_NOT_FOUND", details: { model: "none" } });
    expect(await get("/models?limit=x")).toMatchObject({ code: "REQUEST_INVALID" });

    const approval = await registry.approve("delay", 1, { by: "grace" });
    const gate = { gate: "beats", alias: "champion", metric: "auc", by: 0.01 };
    const done = await post({ to: 1, expected: null, gates: [gate], approvals: [approval.id] });
    expect(done).toMatchObject({ status: 200, body: { to: 1, by: "bob", approvals: [{ by: "grace" }] } });
    expect(await post({ to: 2, expected: null })).toMatchObject({ status: 409, body: { details: { current: 1 } } });
    expect(
      await post({ to: 2, expected: 1, gates: [{ gate: "metricAtLeast", metric: "auc", bound: 0.9 }] }),
    ).toMatchObject({
      status: 422,
      body: { code: "GATE_FAILED", details: { value: 0.8, bound: 0.9 } },
    });
    for (const bad of [
      [],
      { to: 2 },
      { to: "2", expected: 1 },
      { to: 2, expected: 1, by: "mallory" },
      { to: 2, expected: 1, extra: true },
      { to: 2, expected: 1, gates: [{ gate: "parityBelow", bund: 1 }] },
      { to: 2, expected: 1, gates: [{ gate: "constructor" }] },
    ]) {
      expect(await post(bad)).toMatchObject({ status: 400, body: { code: "REQUEST_INVALID" } });
    }
    expect(await post({ to: 2, expected: 1 }, "text/plain")).toMatchObject({ status: 400 });
    expect(await get("/models/delay/aliases")).toEqual({ champion: 1 });
    expect(await get("/models/delay/aliases/champion/history")).toMatchObject({ items: [{ revision: 1, to: 1 }] });

    const downstream = await get("/lineage?node=trainingSet:sha256:abc&direction=downstream");
    expect(downstream).toMatchObject({
      nodes: [{ depth: 0 }, { node: "model:delay/1", depth: 1 }, { node: "model:delay/2", depth: 1 }],
      truncated: false,
    });
    expect(await get("/lineage?node=nothing")).toMatchObject({ code: "REQUEST_INVALID" });
    expect((await handler(new Request("http://localhost/nothing"))).status).toBe(404);
  });

  it("walks cycles once, and says when a bound stopped it", async () => {
    const artifacts = objectStoreArtifacts(memoryObjectStore());
    await using registry = createModelRegistry({ database: sqlite({ path: ":memory:" }), artifacts });
    const chain = Array.from({ length: 20 }, (_, i) => ({ from: `t:${i}`, to: `t:${(i + 1) % 20}`, relation: "r" }));
    await registry.linkLineage(chain);
    await registry.linkLineage(chain);
    const all = await registry.lineage("t:0", { direction: "downstream", depth: 64 });
    expect([all.nodes.length, all.edges.length, all.truncated]).toEqual([20, 20, false]);
    const near = await registry.lineage("t:0", { depth: 3 });
    expect([near.nodes.map(({ node }) => node), near.truncated]).toEqual([["t:0", "t:19", "t:18", "t:17"], true]);
    const few = await registry.lineage("t:0", { direction: "downstream", limit: 5 });
    expect([few.nodes.length, few.edges.length, few.truncated]).toEqual([5, 4, true]);
    await expect(registry.lineage("t:0", { depth: 65 })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    await expect(registry.linkLineage([{ from: "t:0", to: "t:0", relation: "r" }])).rejects.toMatchObject({
      code: "REQUEST_INVALID",
    });
  });

  it("gives the signature of a version as it is stored", async () => {
    const artifacts = objectStoreArtifacts(memoryObjectStore());
    const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    await using registry = createModelRegistry({ database: sqlite({ path: ":memory:" }), artifacts, signing: { key } });
    await registry.register("delay", { files: { w: new TextEncoder().encode("w") }, author: "ada" });
    const request = new Request("http://localhost/models/delay/versions/1/signature");
    const response = await registryHandler(registry)(request);
    expect(response.headers.get("content-type")).toBe(bundleMediaType);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(await registry.signature("delay", 1));
  });
});
